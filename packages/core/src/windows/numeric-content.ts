import { type Aggregate, TwoStepAggregate } from "./aggregate.js";
import type { ColumnFold } from "./column-fold.js";
import type { WindowContent } from "./content.js";
import { generateNumbers } from "./numeric-code.js";
import type { ComposedNumbers, NumericContent, NumericPart } from "./numeric-parts.js";

/** The numeric form of a content, if it has one. */
export function numericContent<T>(described: WindowContent<T, unknown>): NumericContent<T> | undefined {
  if (described.kind === "count") return countContent as NumericContent<T>;
  if (described.kind !== "aggregate") return undefined;
  const parts: NumericPart<T>[] = [];
  let width = 1;
  for (const [name, aggregate] of Object.entries(described.aggregates) as [string, Aggregate<T, unknown, unknown>][]) {
    if (!(aggregate instanceof TwoStepAggregate) || aggregate.column === undefined) return undefined;
    const { column: fold, read } = aggregate as { column: ColumnFold; read: (value: T) => number };
    parts.push({ name, fold, read: fold.width === 0 ? undefined : read, offset: width });
    width += fold.width;
  }
  const composed = composeNumbers(parts, width);
  try {
    return generateNumbers(parts, width, composed);
  } catch (error) {
    // Where code generation is disallowed the functions do the same.
    if (error instanceof EvalError) return composed;
    throw error;
  }
}

const countContent: NumericContent<unknown> = {
  width: 1,
  add: (rows, at) => {
    rows[at] = (rows[at] as number) + 1;
    return true;
  },
  addUp: (totals, rows, slots, ids) => {
    for (let slot = 0; slot < slots; slot++) {
      const at = ids === undefined ? slot : (ids[slot] as number);
      totals[at] = (totals[at] as number) + (rows[slot] as number);
    }
    return true;
  },
  result: (rows, at) => rows[at],
  pack: (_accumulator, count, rows, at) => {
    rows[at] = count;
    return true;
  },
  unpack: (rows, at) => rows[at],
};

export function composeNumbers<T>(parts: readonly NumericPart<T>[], width: number): ComposedNumbers<T> {
  const read = new Float64Array(parts.length);
  const before = new Float64Array(width);
  const addRead = (rows: Float64Array, at: number, numbers: Float64Array): boolean => {
    const count = rows[at] as number;
    before.set(rows.subarray(at, at + width));
    for (const [i, { fold, offset }] of parts.entries()) {
      const number = numbers[i] as number;
      if (count === 0) fold.first(rows, at + offset, number);
      else if (!fold.add(rows, at + offset, number)) {
        rows.set(before, at);
        return false;
      }
    }
    rows[at] = count + 1;
    return true;
  };
  const merge = (rows: Float64Array, at: number, from: Float64Array, place: number): boolean => {
    rows[at] = (rows[at] as number) + (from[place] as number);
    return parts.every(({ fold, offset }) => fold.merge(rows, at + offset, from, place + offset));
  };
  return {
    width,
    addRead,
    merge,
    add: (rows, at, batch, place) => {
      const value = batch.values[place] as T;
      for (const [i, part] of parts.entries()) read[i] = part.read === undefined ? 0 : part.read(value);
      return addRead(rows, at, read);
    },
    addUp: (totals, rows, slots, ids) => {
      for (let slot = 0, from = 0; slot < slots; slot++, from += width) {
        if (rows[from] === 0) continue;
        const at = (ids === undefined ? slot : (ids[slot] as number)) * width;
        if (totals[at] === 0) totals.set(rows.subarray(from, from + width), at);
        else if (!merge(totals, at, rows, from)) return false;
      }
      return true;
    },
    result: (rows, at) => {
      const count = rows[at] as number;
      return Object.fromEntries(parts.map(({ name, fold, offset }) => [name, fold.result(rows, at + offset, count)]));
    },
    pack: (accumulator, count, rows, at) => {
      rows[at] = count;
      return parts.every(({ fold, offset }, i) => fold.pack((accumulator as readonly unknown[])[i], rows, at + offset));
    },
    unpack: (rows, at) => {
      const count = rows[at] as number;
      return parts.map(({ fold, offset }) => fold.unpack(rows, at + offset, count));
    },
  };
}
