import type { CheckpointSetup } from "./checkpoint-bench.js";
import { leaseChecks } from "./checkpoint-lease-checks.js";
import { stateChecks } from "./checkpoint-state-checks.js";
import { type Check, registerChecks } from "./suite.js";

export type { CheckpointSetup };

/** What checkpointSuite() needs to know of a store. */
export interface CheckpointSuiteOptions {
  readonly name: string;
  /**
   * Empty storage. `store()` is called several times: each is another process's view of the same storage. `teardown` is called
   * after each test.
   */
  readonly setup: CheckpointSetup;
}

/**
 * Registers the tests every CheckpointStore must pass: a commit is whole or not there, deleted keys stay deleted, epochs and lease
 * numbers grow, a held lease is refused or waited for, a commit under a lease that is over is refused, and all that is saved comes
 * back as it was, hostile bytes included. For vitest, node:test and runners with global `describe` and `it`.
 *
 * @example
 * ```ts
 * import { memoryCheckpoints } from "@millrace/core";
 * import { checkpointSuite } from "@millrace/core/testing";
 * checkpointSuite({
 *   name: "memory",
 *   async setup() {
 *     const store = memoryCheckpoints();
 *     return { store: () => store, teardown: async () => {} };
 *   },
 * });
 * ```
 */
export function checkpointSuite(options: CheckpointSuiteOptions): void {
  registerChecks(`checkpoint store ${options.name}`, checkpointChecks(options));
}

/**
 * The tests of checkpointSuite() one by one, for a runner of your own. Each makes storage of its own; their order does not matter.
 *
 * @example
 * ```ts
 * import { memoryCheckpoints } from "@millrace/core";
 * import { checkpointChecks } from "@millrace/core/testing";
 * const setup = async () => {
 *   const store = memoryCheckpoints();
 *   return { store: () => store, teardown: async () => {} };
 * };
 * for (const check of checkpointChecks({ setup })) await check.run(); // rejects when the store fails it
 * ```
 */
export function checkpointChecks({ setup }: Pick<CheckpointSuiteOptions, "setup">): Check[] {
  return [...stateChecks(setup), ...leaseChecks(setup)];
}
