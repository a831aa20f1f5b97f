import { sourceProgressChecks } from "./source-progress-checks.js";
import { type SourceUnderTest, sourceReadChecks } from "./source-read-checks.js";
import { type Check, registerChecks } from "./suite.js";

export type { SourceUnderTest };

/** What sourceSuite() needs to know of a source. */
export interface SourceSuiteOptions<T> {
  readonly name: string;
  /**
   * A store of its own (and a consumer group, where there are such) that holds `values`, in this order. `source()` is called several times, one after another: each is another process's
   * view. `append` adds values behind those there are. `teardown` is called after each test.
   */
  setup(values: readonly T[]): Promise<SourceUnderTest<T>>;
  /** Value number `index`; each is different, and equal to what the source gives (compared deeply). */
  sample(index: number): T;
  /** Kills the server with its data on disk and starts it again; without it the test that values survive is left out. */
  kill?(): Promise<void>;
}

/**
 * Registers the tests every Source must pass: each value comes once and in its partition's order, a resume at any position loses and
 * doubles nothing, positions compare and committed ones come back and never go back, offsets are the same at a second reading, a
 * source that is not bounded says when it has caught up and wakes for new values, and `close()` ends a pending `read()`. For vitest,
 * node:test and runners with global `describe` and `it`.
 *
 * @example
 * ```ts
 * import { appendFile, mkdtemp, rm } from "node:fs/promises";
 * import { fileSource } from "@millrace/core";
 * import { sourceSuite } from "@millrace/core/testing";
 * sourceSuite<string>({
 *   name: "file",
 *   async setup(values) {
 *     const folder = await mkdtemp("/tmp/source-");
 *     const path = `${folder}/in.txt`;
 *     const append = (more: readonly string[]) => appendFile(path, more.map((line) => `${line}\n`).join(""));
 *     await append(values);
 *     return { source: () => fileSource(path), append, teardown: () => rm(folder, { recursive: true }) };
 *   },
 *   sample: (index) => `line ${index}`,
 * });
 * ```
 */
export function sourceSuite<T>(options: SourceSuiteOptions<T>): void {
  registerChecks(`source ${options.name}`, sourceChecks(options));
}

/**
 * The tests of sourceSuite() one by one, for a runner of your own. Each makes a store of its own; their order does not matter.
 *
 * @example
 * ```ts
 * import { sourceChecks, type SourceSuiteOptions } from "@millrace/core/testing";
 * declare const setup: SourceSuiteOptions<string>["setup"]; // as for sourceSuite()
 * for (const check of sourceChecks({ setup, sample: (index) => `line ${index}` })) await check.run(); // rejects when the source fails it
 * ```
 */
export function sourceChecks<T>(options: Omit<SourceSuiteOptions<T>, "name">): Check[] {
  return [...sourceReadChecks(options), ...sourceProgressChecks(options)];
}
