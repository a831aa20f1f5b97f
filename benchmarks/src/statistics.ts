/** The q-quantile of numbers in ascending order, between two of them by distance. */
export function quantile(ascending: readonly number[], q: number): number {
  const place = (ascending.length - 1) * q;
  const below = Math.floor(place);
  const low = ascending[below];
  if (low === undefined) return Number.NaN;
  const high = ascending[below + 1] ?? low;
  return low + (high - low) * (place - below);
}

/** The middle of a few runs and how far they lie apart. */
export interface Summary {
  readonly median: number;
  /** The distance between the quartiles as a part of the median. */
  readonly spread: number;
}

export function summarize(values: readonly number[]): Summary {
  const ascending = [...values].sort((left, right) => left - right);
  const median = quantile(ascending, 0.5);
  return { median, spread: (quantile(ascending, 0.75) - quantile(ascending, 0.25)) / median };
}
