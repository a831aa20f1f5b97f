import { requireCount } from "../errors.js";
import { type Batch, type Emit, MAIN, type OperatorSpec } from "../stage.js";
import { LimitStage } from "./limit.js";
import { emitPlaces } from "./split.js";

/** All but the first `count` values; on a keyed stream all but the first `count` of each key. */
export function skip(count: number, options: { readonly name?: string }, keyed: boolean): OperatorSpec {
  requireCount(count, 0, "skip(): count");
  return {
    kind: "skip",
    name: options.name,
    origins: "keep",
    holdsState: true,
    sequential: true,
    global: !keyed,
    reads: { keys: keyed },
    make: (context) => new SkipStage(context, count, options.name, keyed),
  };
}

class SkipStage extends LimitStage {
  onBatch(batch: Batch, emit: Emit): void {
    if (this.keyed) {
      emitPlaces(batch, this.countByKey(batch, "beyond"), emit, MAIN);
      return;
    }
    const skipped = this.count(batch);
    if (skipped < batch.values.length) emit(batch.slice(skipped, batch.values.length));
  }
}
