import { preview, requireFunction, StreamError } from "../errors.js";
import type { Batch, Emit, OperatorSpec, Stage, StageContext, Step } from "../stage.js";
import { Outputs } from "./outputs.js";

/** Any number of values for each value, one after another. Null and undefined stand for none. */
export function flatMap<T, U>(fn: (value: T) => Iterable<U> | null | undefined): OperatorSpec {
  requireFunction(fn, "flatMap()");
  return { kind: "flatMap", origins: "derive", make: (context) => new FlatMapStage(context, fn) };
}

/** The values of each iterable, one after another. */
export function flatten<U>(): OperatorSpec {
  return { ...flatMap((value: Iterable<U>) => value), kind: "flatten" };
}

class FlatMapStage<T, U> implements Stage {
  readonly step: Step;
  readonly #context: StageContext;
  readonly #fn: (value: T) => Iterable<U> | null | undefined;

  constructor(context: StageContext, fn: (value: T) => Iterable<U> | null | undefined) {
    this.step = { kind: "flatMap", fn, iterate };
    this.#context = context;
    this.#fn = fn;
  }

  onBatch(batch: Batch, emit: Emit): void {
    const { values } = batch;
    const count = values.length;
    const outputs = new Outputs<U>(batch, emit);
    for (let i = 0; i < count && outputs.wanted; i++) {
      outputs.next();
      try {
        pushAll(this.#fn(values[i] as T), i, outputs);
      } catch (error) {
        if (outputs.broken) throw error;
        outputs.undo();
        this.#context.fail(error, batch, i);
      }
    }
    outputs.flush();
  }
}

function pushAll<U>(results: Iterable<U> | null | undefined, place: number, outputs: Outputs<U>): void {
  if (Array.isArray(results)) {
    for (let child = 0; child < results.length; child++) if (!outputs.push(results[child] as U, place, child)) return;
    return;
  }
  let child = 0;
  for (const result of iterate(results)) if (!outputs.push(result as U, place, child++)) return;
}

/** What can be iterated; null and undefined stand for nothing. */
function iterate(results: unknown): Iterable<unknown> {
  if (results === null || results === undefined) return [];
  if (typeof (results as Iterable<unknown>)[Symbol.iterator] === "function") return results as Iterable<unknown>;
  throw new StreamError("E_OPERATOR", `an array or another iterable is needed; this is ${preview(results)}`);
}
