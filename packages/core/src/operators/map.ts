import { requireFunction, StreamError } from "../errors.js";
import type { Batch, Emit, OperatorSpec, Stage, StageContext, Step } from "../stage.js";
import { mapValues } from "./guard.js";

/** One value for each value, beside the same key, time and origin. */
export function map<T, U>(fn: (value: T) => U): OperatorSpec {
  requireFunction(fn, "map()");
  return { kind: "map", origins: "keep", make: (context) => new MapStage(context, fn) };
}

class MapStage<T, U> implements Stage {
  readonly step: Step;
  readonly #context: StageContext;
  readonly #fn: (value: T) => U;

  constructor(context: StageContext, fn: (value: T) => U) {
    this.step = { kind: "map", fn, refuse: promised };
    this.#context = context;
    this.#fn = (value) => {
      const result = fn(value);
      if (typeof result === "object" && result instanceof Promise) throw promised(result);
      return result;
    };
  }

  onBatch(batch: Batch, emit: Emit): void {
    const out = mapValues(this.#context, batch as Batch<T>, this.#fn);
    if (out.values.length > 0) emit(out);
  }
}

/** The function is asynchronous, which its type could not show. Its result is nobody's any more, so nobody else sees it fail. */
function promised(result: Promise<unknown>): StreamError {
  result.catch(() => {});
  return new StreamError("E_OPERATOR", "the function of map() returned a promise: use mapAsync()");
}
