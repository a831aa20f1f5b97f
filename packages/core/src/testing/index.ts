/**
 * Tools for testing topologies and connectors: a virtual clock, sources and sinks that follow a script, fault injection, and the
 * suites every connector and checkpoint store must pass.
 *
 * @module
 */
export { type CheckpointSuiteOptions, checkpointChecks, checkpointSuite } from "./checkpoint-suite.js";
export type { Check } from "./suite.js";
export { testContext } from "./test-context.js";
export { type VirtualClock, virtualClock } from "./virtual-clock.js";
