import { requireCount } from "../errors.js";
import { type Batch, type Emit, MAIN, type OperatorSpec } from "../stage.js";
import { LimitStage } from "./limit.js";
import { emitPlaces } from "./split.js";

/** The first `count` values, and then the end; on a keyed stream the first `count` of each key, without end. */
export function take(count: number, options: { readonly name?: string }, keyed: boolean): OperatorSpec {
  requireCount(count, 0, "take(): count");
  return {
    kind: "take",
    name: options.name,
    origins: "keep",
    holdsState: true,
    sequential: true,
    global: !keyed,
    reads: { keys: keyed },
    make: (context) => new TakeStage(context, count, options.name, keyed),
  };
}

class TakeStage extends LimitStage {
  onStart(): void {
    if (!this.keyed && this.counted >= this.limit) this.context.end();
  }

  onBatch(batch: Batch, emit: Emit): void {
    if (this.keyed) {
      emitPlaces(batch, this.countByKey(batch, "counted"), emit, MAIN);
      return;
    }
    const count = this.count(batch);
    if (count > 0) emit(batch.slice(0, count));
    if (this.counted >= this.limit) this.context.end();
  }
}
