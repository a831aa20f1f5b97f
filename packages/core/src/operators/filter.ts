import { requireFunction } from "../errors.js";
import type { Batch, Emit, OperatorSpec, Stage, StageContext, Step } from "../stage.js";
import { bare, isBare, placesWhere } from "./guard.js";

/** Keeps the values for which the predicate holds. */
export function filter<T>(predicate: (value: T) => boolean): OperatorSpec {
  requireFunction(predicate, "filter()");
  return { kind: "filter", origins: "keep", make: (context) => new FilterStage(context, predicate) };
}

class FilterStage<T> implements Stage {
  readonly step: Step;
  readonly #context: StageContext;
  readonly #predicate: (value: T) => boolean;

  constructor(context: StageContext, predicate: (value: T) => boolean) {
    this.step = { kind: "filter", fn: predicate };
    this.#context = context;
    this.#predicate = predicate;
  }

  onBatch(batch: Batch, emit: Emit): void {
    if (isBare(batch)) {
      this.#onBare(batch as Batch<T>, emit);
      return;
    }
    const { places } = placesWhere(this.#context, batch as Batch<T>, this.#predicate);
    if (places.length === batch.values.length) emit(batch);
    else if (places.length > 0) emit(batch.pick(places));
  }

  /** Without columns the values themselves are kept, not their places. */
  #onBare(batch: Batch<T>, emit: Emit): void {
    const predicate = this.#predicate;
    const { values } = batch;
    const count = values.length;
    const kept: T[] = [];
    let i = 0;
    while (i < count) {
      try {
        for (; i < count; i++) if (predicate(values[i] as T)) kept.push(values[i] as T);
      } catch (error) {
        this.#context.fail(error, batch, i++);
      }
    }
    if (kept.length === count) emit(batch);
    else if (kept.length > 0) emit(bare(kept, batch.partition));
  }
}
