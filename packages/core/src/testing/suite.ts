import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { preview } from "../errors.js";

/** One thing an implementation must do: rejects, saying what is wrong, when it does not. */
export interface Check {
  readonly name: string;
  run(): Promise<void>;
}

/** What a test runner offers: vitest, node:test, jest and mocha all do. */
interface Runner {
  describe(name: string, define: () => void): unknown;
  it(name: string, run: () => Promise<void>): unknown;
}

/** By the computer's clock. Only the suites' own tests change them, which need not wait as long as for a real server. */
export const deadlines = {
  /** A call that takes longer hangs: real servers are slow to start, not to answer. */
  callMs: 15_000,
  /** A killed server is back within this. */
  restartMs: 60_000,
};

/**
 * The suites register tests with whoever runs the file: the runner's globals where there are some, vitest (an optional peer
 * dependency, imported only inside a vitest worker), else node:test. So `@millrace/core/testing` needs none of them.
 */
const runner: Runner = await findRunner();

async function findRunner(): Promise<Runner> {
  const { describe, it } = globalThis as Partial<Runner>;
  if (typeof describe === "function" && typeof it === "function") return { describe, it };
  // Not the environment variable: processes that a test starts inherit that.
  if (!("__vitest_worker__" in globalThis)) return import("node:test");
  const vitest = await import("vitest");
  return { describe: vitest.describe, it: (name, run) => vitest.it(name, run, 2 * deadlines.restartMs) };
}

/** Registers each check as a test. */
export function registerChecks(title: string, checks: readonly Check[]): void {
  runner.describe(title, () => {
    for (const { name, run } of checks) runner.it(name, run);
  });
}

class Hanging extends assert.AssertionError {
  constructor(message: string) {
    super({ message });
  }
}

/** What `call` resolves to; fails when that takes too long, naming the call, instead of hanging the whole file. */
export async function within<R>(what: string, call: Promise<R>, ms: number = deadlines.callMs): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Hanging(`${what} did not end within ${ms / 1_000} s`)), ms);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Calls `attempt` until it succeeds, for a server that was just killed; fails at once where it answers wrongly, and with its last error after a minute. */
export async function untilBack<R>(what: string, attempt: () => Promise<R>): Promise<R> {
  const giveUpAt = Date.now() + deadlines.restartMs;
  for (;;) {
    try {
      return await within(what, attempt());
    } catch (error) {
      const failed = error instanceof assert.AssertionError && !(error instanceof Hanging);
      if (failed || Date.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** Fails unless both hold the same values equally often, in whatever order; names what is missing and what is too much. */
export function sameValues(what: string, found: readonly unknown[], wanted: readonly unknown[]): void {
  const extra = [...found];
  const missing: unknown[] = [];
  for (const value of wanted) {
    const place = extra.findIndex((candidate) => isDeepStrictEqual(candidate, value));
    if (place === -1) missing.push(value);
    else extra.splice(place, 1);
  }
  if (missing.length === 0 && extra.length === 0) return;
  assert.fail(
    `${what}: ${missing.length} of ${wanted.length} values are missing${firstOf(missing)}, ${extra.length} are too much${firstOf(extra)}`,
  );
}

/** Fails unless each of `wanted` is in `found` at least as often. */
export function containsValues(what: string, found: readonly unknown[], wanted: readonly unknown[]): void {
  const rest = [...found];
  const missing = wanted.filter((value) => {
    const place = rest.findIndex((candidate) => isDeepStrictEqual(candidate, value));
    if (place !== -1) rest.splice(place, 1);
    return place === -1;
  });
  assert.ok(
    missing.length === 0,
    `${what}: ${missing.length} of ${wanted.length} values are missing${firstOf(missing)}`,
  );
}

function firstOf(values: readonly unknown[]): string {
  return values.length === 0 ? "" : `, such as ${preview(values[0])}`;
}
