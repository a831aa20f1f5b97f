import type { Key, Origin } from "../element.js";
import type { Batch, StageContext } from "../stage.js";

/** What a function with state is told beside the value. Valid during the call: it is one object, filled anew for each value. */
export interface StateContext<out K> {
  readonly key: K;
  /** Event time of the value in ms since the epoch; undefined where the stream has none. */
  readonly time: number | undefined;
  /** No more values with a time up to this are expected; undefined before the first watermark. */
  readonly watermark: number | undefined;
  readonly origin: Origin | undefined;
}

/** The one StateContext of a stage. */
export class ValueContext<K extends Key> implements StateContext<K> {
  key: K = undefined as unknown as K;
  time: number | undefined;
  watermark: number | undefined;
  origin: Origin | undefined;

  /** What is the same for all values of a batch or of a round of timers. */
  begin(context: StageContext): void {
    const watermark = context.watermark();
    this.watermark = watermark === Number.NEGATIVE_INFINITY ? undefined : watermark;
  }

  /** What belongs to one value. */
  at(batch: Batch, place: number): void {
    this.key = batch.keys?.[place] as K;
    this.time = batch.times?.[place];
    this.origin = batch.origins?.[place];
  }
}
