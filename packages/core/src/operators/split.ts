import { requireFunction } from "../errors.js";
import { type Batch, BRANCH, type Emit, MAIN, type OperatorSpec, type Stage, type StageContext } from "../stage.js";
import { otherPlaces, placesWhere } from "./guard.js";

/** Values for which the predicate holds leave by `MAIN`, the others by `BRANCH`. */
export function split<T>(predicate: (value: T) => boolean): OperatorSpec {
  requireFunction(predicate, "split()");
  return { kind: "split", origins: "keep", make: (context) => new SplitStage(context, predicate) };
}

class SplitStage<T> implements Stage {
  readonly #context: StageContext;
  readonly #predicate: (value: T) => boolean;

  constructor(context: StageContext, predicate: (value: T) => boolean) {
    this.#context = context;
    this.#predicate = predicate;
  }

  onBatch(batch: Batch, emit: Emit): void {
    const { places, failed } = placesWhere(this.#context, batch as Batch<T>, this.#predicate);
    const count = batch.values.length;
    emitPlaces(batch, places, emit, MAIN);
    if (places.length === count) return;
    const taken = failed === undefined ? places : [...places, ...failed].sort((left, right) => left - right);
    emitPlaces(batch, otherPlaces(count, taken), emit, BRANCH);
  }
}

/** Emits the values at these places, if any; all of them as the batch itself. */
export function emitPlaces(batch: Batch, places: readonly number[], emit: Emit, output: number): void {
  if (places.length > 0) emit(places.length === batch.values.length ? batch : batch.pick(places), output);
}
