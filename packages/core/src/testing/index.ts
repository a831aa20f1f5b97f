/**
 * Tools for testing topologies and connectors: a virtual clock, sources and sinks that follow a script, fault injection, and the
 * suites every connector and checkpoint store must pass.
 *
 * @module
 */
export {
  type CheckpointSetup,
  type CheckpointSuiteOptions,
  checkpointChecks,
  checkpointSuite,
} from "./checkpoint-suite.js";
export type { FaultKind, Faults } from "./fault-plan.js";
export {
  type Fault,
  type FaultCall,
  type FaultOptions,
  type FaultPoint,
  type FaultPoints,
  faultPoints,
} from "./fault-points.js";
export { faultyCheckpoints, faultyLookup, faultySink, faultySource } from "./faulty-parts.js";
export { type FlowTest, type FlowTestOptions, testFlow } from "./flow-test.js";
export { type SimulateOptions, type Simulation, simulate, type World } from "./simulate.js";
export { type SinkSuiteOptions, type SinkUnderTest, sinkChecks, sinkSuite } from "./sink-suite.js";
export { type SourceSuiteOptions, type SourceUnderTest, sourceChecks, sourceSuite } from "./source-suite.js";
export type { Check } from "./suite.js";
export { testContext } from "./test-context.js";
export { type TestSink, type TestSinkOptions, type TestWrite, testSink } from "./test-sink.js";
export { type TestPlace, type TestSource, type TestSourceOptions, testSource } from "./test-source.js";
export { type VirtualClock, virtualClock } from "./virtual-clock.js";
