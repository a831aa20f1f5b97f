import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { sqliteCheckpoints } from "@millrace/sqlite";
import { runtimeContext } from "../ports/runtime-context.js";
import type { DemoOptions } from "./demo-options.js";

/** What a data directory was made for: whoever opens it again must want the same. */
export interface Manifest {
  readonly format: 1;
  readonly kind: "live" | "bounded";
  readonly seed: number;
  readonly citizens: number;
  /** The run's own name on the servers; null: the data lies in files of this directory. */
  readonly namespace: string | null;
  /** Messages the log is to hold; null in a live one. */
  readonly events: number | null;
  /** Where event time begins, ms since the epoch. */
  readonly from: number;
  /** How often a live producer was started. */
  readonly legs: number;
  /** Up to where a live producer has published, ms of event time. */
  readonly reachedAt: number;
  /** A bounded run was scored and compared to its end. */
  readonly completed: boolean;
}

const MANIFEST = "demo.json";
/** Everything the demo makes in its directory. */
const OURS = /^(demo\.json(\.new)?|(events|scores|facts|checkpoints|guard)\.db([-.].*)?)$/;
const GUARD = /^guard\.db/;

const START = Date.UTC(2025, 0, 6);
const DAY_MS = 86_400_000;
/** On servers events must be younger than what their stores keep (raw events: 90 days). */
const SERVERS_START_DAYS_AGO = 60;

/** The directory with a run's data, held by this process alone until {@link release}. */
export class DataDirectory {
  readonly path: string;
  #manifest: Manifest;
  readonly #letGo: () => Promise<void>;

  private constructor(path: string, manifest: Manifest, letGo: () => Promise<void>) {
    this.path = path;
    this.#manifest = manifest;
    this.#letGo = letGo;
  }

  /**
   * Makes or opens the directory. Throws `E_LEASE_HELD` while another demo runs on it, and an error that says what to do where it
   * holds something else than what is asked for.
   */
  static async open(options: DemoOptions): Promise<DataDirectory> {
    const path = resolve(options.directory);
    const found = existsSync(join(path, MANIFEST));
    if (!found) refuseForeign(path);
    mkdirSync(path, { recursive: true });
    const letGo = await takeGuard(join(path, "guard.db"));
    try {
      const wanted = manifestFor(options);
      let manifest = found ? checked(readManifest(path), wanted, options) : wanted;
      const startsOver =
        found &&
        manifest.kind === "bounded" &&
        options.events !== undefined &&
        (manifest.completed || options.mode === "crash");
      if (startsOver) {
        clear(path);
        manifest = wanted;
      }
      const directory = new DataDirectory(path, manifest, letGo);
      directory.#save();
      return directory;
    } catch (error) {
      await letGo();
      throw error;
    }
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  update(change: Partial<Manifest>): void {
    this.#manifest = { ...this.#manifest, ...change };
    this.#save();
  }

  release(): Promise<void> {
    return this.#letGo();
  }

  #save(): void {
    const file = join(this.path, MANIFEST);
    writeFileSync(`${file}.new`, `${JSON.stringify(this.#manifest, undefined, 2)}\n`);
    renameSync(`${file}.new`, file);
  }
}

function manifestFor({ mode, seed, citizens, events, servers }: DemoOptions): Manifest {
  const from = servers ? (Math.floor(Date.now() / DAY_MS) - SERVERS_START_DAYS_AGO) * DAY_MS : START;
  const kind = mode === "live" ? "live" : "bounded";
  return {
    format: 1,
    kind,
    seed,
    citizens,
    namespace: servers ? `demo_${randomBytes(5).toString("hex")}` : null,
    events: events ?? null,
    from,
    legs: 0,
    reachedAt: from,
    completed: false,
  };
}

function readManifest(path: string): Manifest {
  const manifest = JSON.parse(readFileSync(join(path, MANIFEST), "utf8")) as Manifest;
  if (manifest.format !== 1)
    throw new Error(`${path} was made by another version of the demo; give another --data, or delete it`);
  // Older ones know of files only.
  return { ...manifest, namespace: manifest.namespace ?? null };
}

/** The manifest that is there, if it fits what is wanted. */
function checked(found: Manifest, wanted: Manifest, { directory, mode, events }: DemoOptions): Manifest {
  if (mode === "once" && events === undefined) return found;
  const differences = (["kind", "seed", "citizens", "events"] as const).filter((name) => found[name] !== wanted[name]);
  const isElsewhere = (found.namespace === null) !== (wanted.namespace === null);
  if (isElsewhere)
    throw new Error(
      `${directory} holds a run ${found.namespace === null ? "in files" : "on servers"} (wanted: ${wanted.namespace === null ? "in files" : "on servers"}). Give another --data, or delete it`,
    );
  if (differences.length === 0) return found;
  const facts = differences
    .map((name) => `${name} ${found[name] ?? "unbounded"} (wanted: ${wanted[name] ?? "unbounded"})`)
    .join(", ");
  throw new Error(`${directory} holds another run: ${facts}. Give another --data, or delete it`);
}

function refuseForeign(path: string): void {
  if (!existsSync(path)) return;
  const foreign = readdirSync(path).filter((name) => !OURS.test(name));
  if (foreign.length > 0)
    throw new Error(
      `${path} holds files that are not the demo's (${foreign.slice(0, 3).join(", ")}); give an empty or new --data`,
    );
}

function clear(path: string): void {
  for (const name of readdirSync(path)) if (OURS.test(name) && !GUARD.test(name)) rmSync(join(path, name));
}

/** One demo a directory: the same lease that keeps two runs from one checkpoint store. */
async function takeGuard(file: string): Promise<() => Promise<void>> {
  const connection = await sqliteCheckpoints({ file }).connect(runtimeContext("demo"));
  try {
    const { number } = await connection.lease("demo");
    return async () => {
      await connection.release("demo", number);
      await connection.close();
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
