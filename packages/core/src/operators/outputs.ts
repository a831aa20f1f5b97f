import { childOrigin, type Origin } from "../element.js";
import { Batch, type Emit, MAX_BATCH } from "../stage.js";
import { isBare } from "./guard.js";

/**
 * What a 1→n operator makes of a batch: each output beside the key, time and mark of the value it comes from, with an id of its own
 * (the value's origin and the output's number). Leaves in slices of at most MAX_BATCH; the outputs of one value leave together
 * where they fit into one.
 */
export class Outputs<U> {
  readonly #batch: Batch;
  readonly #emit: Emit;
  readonly #bare: boolean;
  #values: U[] = [];
  #places: number[] = [];
  #children: number[] = [];
  /** Where the outputs of the current value begin. */
  #current = 0;
  #wanted = true;
  #broken = false;

  constructor(batch: Batch, emit: Emit) {
    this.#batch = batch;
    this.#emit = emit;
    this.#bare = isBare(batch);
  }

  /** False: nobody below wants more. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** What was thrown came from below, not from the function of this operator. */
  get broken(): boolean {
    return this.#broken;
  }

  /** The outputs of the next value follow. */
  next(): void {
    this.#current = this.#values.length;
  }

  /** Adds output number `child` of the value at `place`; false: nobody below wants more. */
  push(value: U, place: number, child: number): boolean {
    if (this.#values.length === MAX_BATCH && !this.#makeRoom()) return false;
    this.#values.push(value);
    if (this.#bare) return true;
    this.#places.push(place);
    this.#children.push(child);
    return true;
  }

  /** The current value failed: takes its outputs back, but for those that had to leave already. */
  undo(): void {
    this.#values.length = this.#current;
    if (this.#bare) return;
    this.#places.length = this.#current;
    this.#children.length = this.#current;
  }

  /** Emits what is there; false: nobody below wants more. */
  flush(): boolean {
    return this.#leave(this.#values.length);
  }

  #makeRoom(): boolean {
    return this.#leave(this.#current > 0 ? this.#current : MAX_BATCH);
  }

  #leave(count: number): boolean {
    if (count === 0 || !this.#wanted) return this.#wanted;
    const values = this.#values;
    const places = this.#places;
    const children = this.#children;
    this.#values = values.splice(count);
    this.#places = places.splice(count);
    this.#children = children.splice(count);
    this.#current = 0;
    this.#broken = true;
    this.#wanted = this.#emit(
      this.#bare
        ? new Batch(values, null, null, null, null, this.#batch.partition)
        : this.#withColumns(values, places, children),
    );
    this.#broken = false;
    return this.#wanted;
  }

  #withColumns(values: readonly U[], places: readonly number[], children: readonly number[]): Batch<U> {
    const { times, keys, origins, marks, partition } = this.#batch;
    const whole = places.length === this.#batch.values.length && places.every((place, i) => place === i);
    const column = <V>(from: readonly V[] | null): readonly V[] | null =>
      from === null || whole ? from : places.map((place) => from[place] as V);
    const ids = origins === null ? null : places.map((place, i) => child(origins[place], children[i] as number));
    return new Batch<U>(values, column(times), column(keys), ids as readonly Origin[] | null, column(marks), partition);
  }
}

/** The id of an output, where its value has one. */
export function child(origin: Origin | undefined, number: number): Origin | undefined {
  return origin === undefined ? undefined : childOrigin(origin, number);
}
