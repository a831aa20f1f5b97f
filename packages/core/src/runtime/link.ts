import type { OperatorVertex } from "../graph/graph.js";
import type { Emit, OperatorCounters, Stage, StageContext } from "../stage.js";
import type { Channel } from "./channel.js";

/** A running stage in its place in a chain. */
export interface Link {
  readonly vertex: OperatorVertex;
  readonly context: StageContext;
  readonly stage: Stage;
  /** Takes a batch: the stage, or the loop that stands for it and the links behind it. */
  onBatch: Stage["onBatch"];
  readonly counters: OperatorCounters;
  /** Channels by output number. The main output of every link but the last goes to the next link instead. */
  readonly routes: ReadonlyMap<number, readonly Channel[]>;
  emit: Emit;
  /** The watermark at its input. */
  watermark: number;
  /** When it wants `onTimer`; Infinity: not at all. */
  wakeAt: number;
}
