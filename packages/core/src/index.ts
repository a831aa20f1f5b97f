/**
 * Millrace: typed streams with event time, durable state and delivery guarantees.
 *
 * @module
 */
export {
  type AssignmentListener,
  type Checkpoint,
  type CheckpointConnection,
  type CheckpointDelta,
  type CheckpointHead,
  type CheckpointStore,
  type Clock,
  type Health,
  type Logger,
  type Lookup,
  type Message,
  type OutMessage,
  type PoisonValue,
  type Position,
  type RuntimeContext,
  type Sink,
  type SinkCommit,
  type SinkConnection,
  type SinkWriter,
  type Source,
  type SourceBatch,
  type SourceConnection,
  type SourceContext,
  type SourceReader,
  type StateEntry,
  type Task,
  type Topic,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "./connector.js";
export { type Duration, durationMs, durationOrZeroMs, type SignedDuration } from "./duration.js";
export { deliveryId, type Element, type Key, type Origin, originId, type StreamTypeError } from "./element.js";
export { type ErrorCode, messageOf, requireArgument, StreamError } from "./errors.js";
export { from } from "./from.js";
export type { TaskMode, TopologyDescription } from "./graph/describe.js";
export type { DeliveryLevel, Guarantee } from "./graph/guarantees.js";
export { toMermaid } from "./graph/mermaid.js";
export { consoleSink } from "./io/console-sink.js";
export { discardSink } from "./io/discard-sink.js";
export { fileSink } from "./io/file-sink.js";
export { fileSource } from "./io/file-source.js";
export { intervalSource } from "./io/interval-source.js";
export type { IterableInput } from "./io/iterable-source.js";
export { type PushSource, type PushSourceOptions, pushSource } from "./io/push-source.js";
export { untilAborted } from "./io/until-aborted.js";
export type { Metrics } from "./metrics/metrics.js";
export type { AsyncOrder } from "./operators/async-order.js";
export type { ProcessContext, ProcessSpec, StateSpec } from "./operators/process.js";
export type { StatefulSpec } from "./operators/stateful.js";
export type { ThrottleLimit } from "./operators/throttle.js";
export type { StateContext } from "./operators/value-context.js";
export type { BatchPolicy, CallContext, DeadLetter, ErrorClass, RetryPolicy } from "./policy.js";
export type { CheckpointOptions, Run, RunHealth, RunOptions, RunSummary } from "./runtime/run-options.js";
export { checkpointHeadText, parseCheckpointHead } from "./state/checkpoint-head-text.js";
export type { Codec } from "./state/codec.js";
export {
  type ListState,
  listState,
  type MapState,
  mapState,
  type ValueState,
  valueState,
} from "./state/declarations.js";
export { memoryCheckpoints } from "./state/memory-checkpoints.js";
export {
  type HeldLease,
  isLeaseOver,
  LEASE_RENEW_MS,
  type LeaseHolder,
  type LeaseTry,
  TaskLeases,
} from "./state/task-leases.js";
export type { TtlOptions } from "./state/ttl.js";
export type {
  AsyncOptions,
  Flow,
  JoinContext,
  JoinOptions,
  KeyedStream,
  KeyedWindowedStream,
  LookupOptions,
  Named,
  OnError,
  SinkOptions,
  Stream,
  Target,
  WatermarkOptions,
  WindowedStream,
  WindowOptions,
} from "./stream.js";
export { type Topology, topology } from "./topology.js";
export type { Aggregate, Aggregates, Results } from "./windows/aggregate.js";
export { countWindow } from "./windows/count.js";
export { session } from "./windows/session.js";
export { sliding } from "./windows/sliding.js";
export { tumbling } from "./windows/tumbling.js";
export type { JoinWindow, Late, TimeSpan, Windowed, WindowSpec } from "./windows/window.js";
