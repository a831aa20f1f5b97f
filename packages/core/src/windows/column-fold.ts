/**
 * A numeric accumulator in a row of doubles among many: `at` is its first slot. Rows lie close together in memory, so that a window of many
 * keys and panes is put together at the memory's speed. False: the numbers do not fit, and the general accumulator has to take over.
 */
export interface ColumnFold {
  readonly kind: "count" | "sum" | "average" | "min" | "max";
  /** Doubles of its own; how many values a row holds is known without. */
  readonly width: number;
  first(rows: Float64Array, at: number, value: number): void;
  add(rows: Float64Array, at: number, value: number): boolean;
  merge(rows: Float64Array, at: number, from: Float64Array, place: number): boolean;
  result(rows: Float64Array, at: number, count: number): unknown;
  /** From and to the general accumulator, as it is saved. */
  pack(accumulator: unknown, rows: Float64Array, at: number): boolean;
  unpack(rows: Float64Array, at: number, count: number): unknown;
}

export const countFold: ColumnFold = {
  kind: "count",
  width: 0,
  first: () => {},
  add: () => true,
  merge: () => true,
  result: (_rows, _at, count) => count,
  pack: () => true,
  unpack: (_rows, _at, count) => count,
};

/** An exact sum in two doubles that do not overlap, the first of them the sum rounded once. It needs more only for numbers far apart. */
export const sumFold: ColumnFold = {
  kind: "sum",
  width: 2,
  first: (rows, at, value) => {
    rows[at] = 0 + value;
    rows[at + 1] = 0;
  },
  add: addTo,
  merge: (rows, at, from, place) =>
    addTo(rows, at, from[place] as number) && (from[place + 1] === 0 || addTo(rows, at, from[place + 1] as number)),
  result: (rows, at) => rows[at],
  pack: packSum,
  unpack: unpackSum,
};

export const averageFold: ColumnFold = {
  ...sumFold,
  kind: "average",
  result: (rows, at, count) => (rows[at] as number) / count,
  pack: (accumulator, rows, at) => packSum((accumulator as readonly unknown[])[1], rows, at),
  unpack: (rows, at, count) => [count, unpackSum(rows, at)],
};

/** The least or greatest number. */
export function extremeFold(kind: "min" | "max"): ColumnFold {
  const pick = Math[kind];
  const add = (rows: Float64Array, at: number, value: number): boolean => {
    rows[at] = pick(rows[at] as number, value);
    return true;
  };
  return {
    kind,
    width: 1,
    first: (rows, at, value) => {
      rows[at] = value;
    },
    add,
    merge: (rows, at, from, place) => add(rows, at, from[place] as number),
    result: (rows, at) => rows[at],
    pack: (accumulator, rows, at) => {
      rows[at] = accumulator as number;
      return true;
    },
    unpack: (rows, at) => rows[at],
  };
}

function addTo(rows: Float64Array, at: number, value: number): boolean {
  const high = rows[at] as number;
  const low = rows[at + 1] as number;
  const total = high + value;
  const back = total - high;
  const lost = high - (total - back) + (value - back);
  if (lost === 0 && low === 0) {
    rows[at] = total;
    return true;
  }
  return addRounded(rows, at, total, low, lost);
}

/** What the addition rounded away goes into the second double, if that takes it without rounding. */
function addRounded(rows: Float64Array, at: number, total: number, low: number, lost: number): boolean {
  if (!Number.isFinite(total)) {
    rows[at] = total;
    rows[at + 1] = 0;
    return true;
  }
  const rest = low + lost;
  const back = rest - low;
  if (low - (rest - back) + (lost - back) !== 0) return false;
  const high = total + rest;
  rows[at] = high;
  rows[at + 1] = rest - (high - total);
  return true;
}

function packSum(sum: unknown, rows: Float64Array, at: number): boolean {
  const parts = typeof sum === "number" ? [0, sum] : (sum as readonly number[]);
  if (parts.length !== 2) return false;
  rows[at] = parts[1] as number;
  rows[at + 1] = parts[0] as number;
  return true;
}

function unpackSum(rows: Float64Array, at: number): unknown {
  return rows[at + 1] === 0 ? rows[at] : [rows[at + 1], rows[at]];
}
