import type { Key } from "../element.js";
import { preview, requireFunction, StreamError } from "../errors.js";
import { Batch, type Emit, type OperatorSpec, type Stage, type StageContext } from "../stage.js";
import { otherPlaces } from "./guard.js";

/** Gives each value a key, in place of the one it may have had. */
export function keyBy<T>(key: (value: T) => Key): OperatorSpec {
  requireFunction(key, "keyBy()");
  return { kind: "keyBy", rekeys: true, origins: "keep", make: (context) => new KeyByStage(context, key) };
}

class KeyByStage<T> implements Stage {
  readonly #context: StageContext;
  readonly #key: (value: T) => Key;

  constructor(context: StageContext, key: (value: T) => Key) {
    this.#context = context;
    this.#key = key;
  }

  onBatch(batch: Batch, emit: Emit): void {
    const keyOf = this.#key;
    const count = batch.values.length;
    const keys: Key[] = [];
    let failed: number[] | undefined;
    let i = 0;
    while (i < count) {
      try {
        for (; i < count; i++) keys.push(requireKey(keyOf(batch.values[i] as T)));
      } catch (error) {
        this.#context.fail(error, batch, i);
        failed ??= [];
        failed.push(i++);
      }
    }
    if (keys.length === 0) return;
    const { values, times, origins, marks, partition } =
      failed === undefined ? batch : batch.pick(otherPlaces(count, failed));
    emit(new Batch(values, times, keys, origins, marks, partition));
  }
}

/** Refuses what a function gave as a key and is none. */
export function requireKey(key: Key): Key {
  const type = typeof key;
  if (type === "string" || type === "number" || type === "bigint" || type === "boolean") return key;
  throw new StreamError(
    "E_OPERATOR",
    `a key must be a string, number, bigint or boolean; it is ${type === "undefined" ? "undefined" : preview(key)}`,
  );
}
