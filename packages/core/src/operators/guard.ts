import { Batch, type StageContext } from "../stage.js";

/**
 * Calls `fn` for every value; the results stand beside the same columns. A value that makes it throw goes to the operator's error
 * policy and is left out. The try stands outside of the loop, which goes on behind the value that failed.
 */
export function mapValues<T, U>(context: StageContext, batch: Batch<T>, fn: (value: T) => U): Batch<U> {
  const { values } = batch;
  const count = values.length;
  const out = new Array<U>(count);
  let failed: number[] | undefined;
  let i = 0;
  for (;;) {
    try {
      for (; i < count; i++) out[i] = fn(values[i] as T);
      return failed === undefined ? batch.withValues(out) : without(batch.withValues(out), failed);
    } catch (error) {
      context.fail(error, batch, i);
      failed ??= [];
      failed.push(i++);
    }
  }
}

/** Calls `fn` for every value. A value that makes it throw goes to the error policy and is left out of what is returned. */
export function eachValue<T>(context: StageContext, batch: Batch<T>, fn: (value: T) => void): Batch<T> {
  const { values } = batch;
  const count = values.length;
  let failed: number[] | undefined;
  let i = 0;
  for (;;) {
    try {
      for (; i < count; i++) fn(values[i] as T);
      return failed === undefined ? batch : without(batch, failed);
    } catch (error) {
      context.fail(error, batch, i);
      failed ??= [];
      failed.push(i++);
    }
  }
}

/** The places of the values for which `predicate` holds; a value that makes it throw goes to the error policy and is `failed`. */
export function placesWhere<T>(
  context: StageContext,
  batch: Batch<T>,
  predicate: (value: T) => boolean,
): { readonly places: number[]; readonly failed: number[] | undefined } {
  const { values } = batch;
  const count = values.length;
  const places: number[] = [];
  let failed: number[] | undefined;
  let i = 0;
  for (;;) {
    try {
      for (; i < count; i++) if (predicate(values[i] as T)) places.push(i);
      return { places, failed };
    } catch (error) {
      context.fail(error, batch, i);
      failed ??= [];
      failed.push(i++);
    }
  }
}

/** The places that are not among these; both in order. */
export function otherPlaces(count: number, places: readonly number[]): number[] {
  const others: number[] = [];
  let next = 0;
  for (let i = 0; i < count; i++) {
    if (i === places[next]) next++;
    else others.push(i);
  }
  return others;
}

/** The batch without the values at these places. */
export function without<T>(batch: Batch<T>, places: readonly number[]): Batch<T> {
  return batch.pick(otherPlaces(batch.values.length, places));
}

/** Nothing travels beside the values. */
export function isBare(batch: Batch): boolean {
  return batch.times === null && batch.keys === null && batch.origins === null && batch.marks === null;
}

/** A batch that is only values. */
export function bare<T>(values: readonly T[], partition: string | undefined): Batch<T> {
  return new Batch(values, null, null, null, null, partition);
}
