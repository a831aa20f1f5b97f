import { hostname } from "node:os";
import {
  type Checkpoint,
  type CheckpointConnection,
  type CheckpointDelta,
  type CheckpointStore,
  type Clock,
  checkpointHeadText,
  type Health,
  parseCheckpointHead,
  type RuntimeContext,
  type StateEntry,
  StreamError,
} from "@millrace/core";
import type { SinkPart } from "./checkpoints/checkpoint-writer.js";
import { packEntries, unpackEntries } from "./checkpoints/entry-bytes.js";
import type { Holder } from "./checkpoints/lease-lock.js";
import { corruptMessage, type PageEnd, type SavedHead } from "./checkpoints/state-tables.js";
import { messageOf, requireArgument } from "./file/error-forms.js";
import { explain } from "./file/failure.js";
import { acquireFile, type FileHandle } from "./file/file-thread.js";
import { healthOf } from "./file/health.js";
import { realPathOf, systemOf } from "./file/path.js";
import { SinkPayload } from "./file/sink-payload.js";

/** Options of {@link sqliteCheckpoints}. */
export interface SqliteCheckpointsOptions {
  /** Path of the database file. Its directory must exist; the file is made if it is not there. The lease is a lock on `FILE.lease` beside it. */
  readonly file: string;
  /** The file grows to at most so many bytes; a commit beyond ends with `E_SQLITE_FULL`. Default: as far as the disk goes. */
  readonly maxBytes?: number;
}

/** A connection that can also say how it is. */
export interface SqliteCheckpointConnection extends CheckpointConnection {
  /** Asks the thread that owns the file to read it. */
  health(): Promise<Health>;
}

/** Checkpoints in a SQLite file. */
export interface SqliteCheckpoints extends CheckpointStore {
  /** `sqlite:` and the absolute path, all links followed: sinks of the same file write inside the commit. */
  readonly system: string;
  connect(context: RuntimeContext): Promise<SqliteCheckpointConnection>;
}

/** The smallest SQLite file that holds our tables. */
const MIN_BYTES = 128 * 1_024;

/**
 * Checkpoints in a SQLite file: each is one transaction, on disk when the commit resolves, with a checksum for every entry and over all
 * of them. A worker thread owns the file. One process at a time holds a task's lease, and loses it only by releasing it or by dying.
 * With `sqliteTopic` or `sqliteTable` sinks in the same file their output is part of that transaction: exactly-once.
 *
 * @example
 * ```ts
 * import { from, topology } from "@millrace/core";
 * import { sqliteCheckpoints, sqliteTopic } from "@millrace/sqlite";
 * const numbers = sqliteTopic({ file: "app.db", name: "numbers" });
 * const doubled = sqliteTopic({ file: "app.db", name: "doubled" });
 * const text = new TextDecoder();
 * await topology(
 *   "double",
 *   from(numbers.source({ decode: ({ value }) => Number(text.decode(value)), stopAt: "latest" }))
 *     .map((n) => n * 2)
 *     .to(doubled.sink({ encode: (n) => ({ value: String(n) }) })),
 * ).run({ checkpoint: { every: "1s", store: sqliteCheckpoints({ file: "app.db" }) } });
 * ```
 */
export function sqliteCheckpoints({ file, maxBytes }: SqliteCheckpointsOptions): SqliteCheckpoints {
  requireArgument(
    maxBytes === undefined || (Number.isSafeInteger(maxBytes) && maxBytes >= MIN_BYTES),
    `sqliteCheckpoints: maxBytes must be a whole number of bytes from ${MIN_BYTES}; it is ${maxBytes}`,
  );
  const path = realPathOf(file);
  const system = systemOf(path);
  return { name: system, system, connect: (context) => Checkpoints.open(path, maxBytes, context) };
}

/** How often a standby tries to take the lease. */
const STANDBY_MS = 250;
/** How long one that starts waits for another that only looks. */
const CONTENTION_MS = 250;

let lastStaged = 0;

class Checkpoints implements SqliteCheckpointConnection {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #context: RuntimeContext;
  readonly #leases = new Map<string, number>();
  #closed: Promise<void> | undefined;

  static async open(path: string, maxBytes: number | undefined, context: RuntimeContext): Promise<Checkpoints> {
    let handle: FileHandle | undefined;
    try {
      handle = await acquireFile(path);
      if (maxBytes !== undefined) await handle.call("limit", { bytes: maxBytes });
      await handle.call("defineCheckpoints", {});
      return new Checkpoints(path, handle, context);
    } catch (error) {
      await handle?.release();
      throw storeError(error, path);
    }
  }

  private constructor(path: string, handle: FileHandle, context: RuntimeContext) {
    this.#path = path;
    this.#handle = handle;
    this.#context = context;
  }

  async lease(
    task: string,
    options: { readonly wait?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly number: number; readonly latest: Checkpoint | undefined }> {
    const { clock } = this.#context;
    for (let first = true; ; first = false) {
      if (options.signal?.aborted === true) throw waitGivenUp(options.signal);
      const asked = { task, host: hostname(), pid: process.pid, since: clock.now(), waitMs: first ? CONTENTION_MS : 0 };
      const result = await this.#do(() => this.#handle.call("lease", asked));
      if ("number" in result) {
        this.#leases.set(task, result.number);
        return {
          number: result.number,
          latest: result.latest === undefined ? undefined : this.#checkpoint(task, result.number, result.latest),
        };
      }
      if (options.wait !== true) throw leaseHeld(this.#path, task, result.heldBy);
      await waitFor(clock, STANDBY_MS, options.signal ?? this.#context.signal);
    }
  }

  async release(task: string, lease: number): Promise<void> {
    if (this.#leases.get(task) === lease) this.#leases.delete(task);
    await this.#do(() => this.#handle.call("release", { task, lease }));
  }

  async commit(task: string, lease: number, checkpoint: CheckpointDelta): Promise<void> {
    const payloads = checkpoint.commits.map(({ sink, payload }) => this.#payload(sink, payload));
    const parts: SinkPart[] = payloads.flatMap((payload) => payload.parts);
    const staged = ++lastStaged;
    await this.#do(async () => {
      await this.#stage(staged, checkpoint.changes);
      await this.#handle.call("commit", {
        task,
        lease,
        epoch: checkpoint.epoch,
        head: checkpointHeadText(checkpoint),
        staged,
        parts,
      });
    });
    for (const { applied } of payloads) applied();
  }

  latestEpoch(task: string, lease: number): Promise<number | undefined> {
    return this.#do(() => this.#handle.call("latestEpoch", { task, lease }));
  }

  health(): Promise<Health> {
    return healthOf(this.#handle, this.#context.clock);
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      // A thread that is gone holds no lease any more.
      for (const [task, lease] of this.#leases) await this.#handle.call("release", { task, lease }).catch(() => {});
      await this.#handle.release();
    })();
    return this.#closed;
  }

  /** Packs the changes piece by piece, so that a large checkpoint does not hold up the event loop. */
  async #stage(staged: number, changes: readonly StateEntry[]): Promise<void> {
    const stored: Promise<void>[] = [];
    for (const piece of packEntries(changes)) {
      if (stored.length > 0) await new Promise((resolve) => setImmediate(resolve));
      stored.push(this.#handle.call("stage", { staged, piece }, [piece.buffer]));
    }
    await Promise.all(stored);
  }

  #payload(sink: string, payload: unknown): SinkPayload {
    if (payload instanceof SinkPayload && payload.system === systemOf(this.#path)) return payload;
    throw new StreamError(
      "E_CHECKPOINT_STORE",
      `sink "${sink}" gave ${this.#path} something to commit that is not its own: only sinks of @millrace/sqlite on the same file can write inside this store's commit`,
    );
  }

  #checkpoint(task: string, lease: number, { epoch, head }: SavedHead): Checkpoint {
    try {
      return { ...parseCheckpointHead(head), epoch, entries: () => this.#entries(task, lease, epoch) };
    } catch (error) {
      throw new StreamError(
        "E_CHECKPOINT_CORRUPT",
        corruptMessage(this.#path, `the head of the checkpoint of task "${task}" can not be read: ${messageOf(error)}`),
        { cause: error },
      );
    }
  }

  async *#entries(task: string, lease: number, epoch: number): AsyncGenerator<readonly StateEntry[]> {
    let after: PageEnd | undefined;
    do {
      const from = after;
      const page = await this.#do(() => this.#handle.call("page", { task, lease, epoch, after: from }));
      const entries = [...unpackEntries(page.entries)];
      if (entries.length > 0) yield entries;
      after = page.end;
    } while (after !== undefined);
  }

  async #do<R>(work: () => Promise<R>): Promise<R> {
    try {
      return await work();
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }
}

function waitFor(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      cancel();
      reject(waitGivenUp(signal));
    };
    const cancel = clock.schedule(clock.now() + ms, () => {
      signal.removeEventListener("abort", aborted);
      resolve();
    });
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
  });
}

function waitGivenUp(signal: AbortSignal): StreamError {
  return new StreamError("E_ABORTED", "the wait for a lease was given up", { cause: signal.reason });
}

/** What a store throws: a damaged file is a damaged checkpoint. */
function storeError(error: unknown, path: string): StreamError {
  if (error instanceof StreamError) return error;
  const { code, message } = explain(error, path);
  if (code === "E_SQLITE_CORRUPT")
    return new StreamError("E_CHECKPOINT_CORRUPT", corruptMessage(path, message), { cause: error });
  return new StreamError(code, message, { cause: error });
}

function leaseHeld(path: string, task: string, holder: Holder | undefined): StreamError {
  const by =
    holder === undefined
      ? "another process, which is just starting"
      : `process ${holder.pid} on ${holder.host} since ${new Date(holder.since).toISOString()}`;
  return new StreamError(
    "E_LEASE_HELD",
    `task "${task}" in ${path} is run by ${by}. Stop that run first; its lease ends with its process`,
  );
}
