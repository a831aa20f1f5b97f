import type { SinkUnderTest } from "./sink-bench.js";
import { sinkFailureChecks } from "./sink-failure-checks.js";
import { sinkWriteChecks } from "./sink-write-checks.js";
import { type Check, registerChecks } from "./suite.js";

export type { SinkUnderTest };

/** What sinkSuite() needs to know of a sink. */
export interface SinkSuiteOptions<T> {
  readonly name: string;
  /**
   * An empty store of its own. `sink()` is called several times: each is another process's. `contents()` reads what is stored, in any
   * order. `apply` does what the checkpoint store would with a payload that `flush()` gives for its transaction; only sinks that have
   * a `system` need it. `teardown` is called after each test.
   */
  setup(): Promise<SinkUnderTest<T>>;
  /** Value number `index`; each is different, of a key of its own, and equal to what `contents()` gives (compared deeply). */
  sample(index: number): T;
  /** A value the store refuses; without it the tests of refused values are left out. */
  poison?(): T;
  /** Kills the server with its data on disk and starts it again; without it the test that written values survive is left out. */
  kill?(): Promise<void>;
}

/**
 * Registers the tests every Sink must pass: what was written and flushed is there, a replay under the same ids leaves the contents as
 * they are (unless the sink appends: then nothing is lost), a refused value is named and the others are written, writes at once and
 * large batches lose nothing, an aborted write ends, a sink that saves a state rolls back to it. For vitest, node:test and runners with
 * global `describe` and `it`.
 *
 * @example
 * ```ts
 * import { mkdtemp, readFile, rm } from "node:fs/promises";
 * import { fileSink } from "@millrace/core";
 * import { sinkSuite } from "@millrace/core/testing";
 * const linesOf = async (path: string) => (await readFile(path, "utf8")).split("\n").slice(0, -1);
 * sinkSuite<string>({
 *   name: "file",
 *   async setup() {
 *     const folder = await mkdtemp("/tmp/sink-");
 *     const path = `${folder}/out.txt`;
 *     return { sink: () => fileSink(path), contents: () => linesOf(path), teardown: () => rm(folder, { recursive: true }) };
 *   },
 *   sample: (index) => `line ${index}`,
 *   poison: () => "two\nlines",
 * });
 * ```
 */
export function sinkSuite<T>(options: SinkSuiteOptions<T>): void {
  registerChecks(`sink ${options.name}`, sinkChecks(options));
}

/**
 * The tests of sinkSuite() one by one, for a runner of your own. Each makes a store of its own; their order does not matter.
 *
 * @example
 * ```ts
 * import { sinkChecks, type SinkSuiteOptions } from "@millrace/core/testing";
 * declare const setup: SinkSuiteOptions<string>["setup"]; // as for sinkSuite()
 * for (const check of sinkChecks({ setup, sample: (index) => `line ${index}` })) await check.run(); // rejects when the sink fails it
 * ```
 */
export function sinkChecks<T>(options: Omit<SinkSuiteOptions<T>, "name">): Check[] {
  return [...sinkWriteChecks(options), ...sinkFailureChecks(options)];
}
