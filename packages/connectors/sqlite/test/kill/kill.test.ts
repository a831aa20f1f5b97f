import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KILL_POINTS, type KillPoint } from "./kill-points.js";
import { inputTopic } from "./pipeline.js";
import { recount } from "./recount.js";

const KILLS = 50;
const PAYMENTS_A_LIFE = 300;
const ACCOUNTS = 40;
const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));

/** A seeded generator (numerical recipes' LCG): the kills of a failed run can be had again. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Life {
  readonly restored: number;
  readonly commits: number;
  readonly ended: boolean;
  readonly signal: string | null;
  readonly errors: string;
}

/** Runs the pipeline until it ends, or until it is killed: at a named point by itself, or by us some time after its first commit. */
async function live(dir: string, words: readonly string[], killAfterMs: number | undefined): Promise<Life> {
  const child: ChildProcess = spawn(
    process.execPath,
    ["--conditions=millrace-source", "--import", "tsx", CHILD, dir, ...words],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const life = { restored: -1, commits: 0, ended: false, errors: "" };
  child.stderr?.on("data", (data: Buffer) => {
    life.errors += data.toString();
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  let armed = killAfterMs === undefined;
  lines.on("line", (line) => {
    const [what, number] = line.split(" ");
    if (what === "restored") life.restored = Number(number);
    if (what === "committed") life.commits++;
    if (what === "ended") life.ended = true;
    if (what === "committed" && !armed) {
      armed = true;
      setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    }
  });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  return { ...life, signal };
}

describe("50 kills with SIGKILL", () => {
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "millrace-kill-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it("loses nothing and doubles nothing", { timeout: 600_000 }, async () => {
    const random = seeded(20_261_125);
    const topic = inputTopic(dir);
    let id = 0;
    const append = async (count: number): Promise<void> => {
      const payments = Array.from({ length: count }, () => {
        const account = `account-${Math.floor(random() * ACCOUNTS)}`;
        // Ten seconds a payment, up to five minutes out of order.
        const payment = {
          id: id++,
          account,
          at: 1_767_225_600_000 + id * 10_000 - Math.floor(random() * 300_000),
          amount: Math.floor(random() * 1_000),
        };
        return { key: account, value: JSON.stringify(payment), timestamp: payment.at };
      });
      await topic.append(payments);
    };
    const deaths = new Map<string, number>();
    for (let kill = 0; kill < KILLS; kill++) {
      await append(PAYMENTS_A_LIFE);
      const atRandom = kill % 2 === 0;
      const point = KILL_POINTS[Math.floor(kill / 2) % KILL_POINTS.length] as KillPoint;
      const life = live(
        dir,
        atRandom ? [] : ["--kill", point, "--times", point === "after-snapshot" ? "200" : "2"],
        atRandom ? random() * 120 : undefined,
      );
      // More comes while it runs, so that every life has something under way when it dies.
      const feeding = feed(append, life);
      const { restored, signal, errors } = await life;
      await feeding;
      expect(signal, errors).toBe("SIGKILL");
      if (kill > 0) expect(restored, `life ${kill} began from nothing`).toBeGreaterThan(0);
      deaths.set(atRandom ? "random" : point, (deaths.get(atRandom ? "random" : point) ?? 0) + 1);
    }
    await topic.close();
    const last = await live(dir, ["--last"], undefined);
    expect(last.ended, last.errors).toBe(true);
    const { differences, compared } = await recount(dir);
    console.log(
      `${KILLS} kills (${[...deaths].map(([where, count]) => `${count} ${where}`).join(", ")}), ${id} payments, ${compared} results compared, ${differences.length} differ`,
    );
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(id);
  });
});

async function feed(append: (count: number) => Promise<void>, life: Promise<Life>): Promise<void> {
  let over = false;
  const ended = life.finally(() => {
    over = true;
  });
  while (!over) {
    await append(20);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 25))]);
  }
}
