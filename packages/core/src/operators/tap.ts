import { requireFunction } from "../errors.js";
import type { Batch, Emit, OperatorSpec, Stage, StageContext, Step } from "../stage.js";
import { eachValue } from "./guard.js";

/** Calls the function for each value and passes the value on unchanged. */
export function tap<T>(fn: (value: T) => void): OperatorSpec {
  requireFunction(fn, "tap()");
  return { kind: "tap", origins: "keep", make: (context) => new TapStage(context, fn) };
}

class TapStage<T> implements Stage {
  readonly step: Step;
  readonly #context: StageContext;
  readonly #fn: (value: T) => void;

  constructor(context: StageContext, fn: (value: T) => void) {
    this.step = { kind: "tap", fn };
    this.#context = context;
    this.#fn = fn;
  }

  onBatch(batch: Batch, emit: Emit): void {
    const passed = eachValue(this.#context, batch as Batch<T>, this.#fn);
    if (passed.values.length > 0) emit(passed);
  }
}
