import { Batch, type PartitionStatus } from "../stage.js";

/** What stands between values. */
export type Signal = { readonly kind: "watermark"; readonly time: number; readonly idle: boolean } | PartitionStatus;

/** What of a batch is saved. */
export interface SavedBatch extends Pick<Batch, "values" | "times" | "keys" | "origins" | "marks"> {
  readonly partition: string | undefined;
}

/**
 * Batches that wait, and the signals between them, in order. Signals are not saved: after a restore the sources tell anew how far time
 * is, and a watermark that comes later than it might holds nothing to be late for.
 */
export class HeldBatches {
  #items: (Batch | Signal)[] = [];
  /** Values of the first batch that were taken already. */
  #taken = 0;
  #values = 0;

  constructor(saved: readonly SavedBatch[] = []) {
    for (const { values, times, keys, origins, marks, partition } of saved)
      this.push(new Batch(values, times, keys, origins, marks, partition));
  }

  get empty(): boolean {
    return this.#items.length === 0;
  }

  /** How many values wait. */
  get size(): number {
    return this.#values;
  }

  push(item: Batch | Signal): void {
    this.#items.push(item);
    if (item.kind === "batch") this.#values += item.values.length;
  }

  /** The signal that is next, if one is: takes it. */
  takeSignal(): Signal | undefined {
    const item = this.#items[0];
    if (item === undefined || item.kind === "batch") return undefined;
    this.#items.shift();
    return item;
  }

  /** The next values, at most so many, all of one batch; none where a signal is next. */
  take(most: number): Batch | undefined {
    const item = this.#items[0];
    if (item === undefined || item.kind !== "batch" || most <= 0) return undefined;
    const to = Math.min(item.values.length, this.#taken + most);
    const slice = item.slice(this.#taken, to);
    this.#values -= slice.values.length;
    this.#taken = to;
    if (to === item.values.length) {
      this.#items.shift();
      this.#taken = 0;
    }
    return slice;
  }

  clear(): void {
    this.#items = [];
    this.#taken = 0;
    this.#values = 0;
  }

  /** What waits, as plain data. */
  save(): SavedBatch[] {
    const batches = this.#items.filter((item): item is Batch => item.kind === "batch");
    return batches.map((batch, i) => {
      const { values, times, keys, origins, marks, partition } =
        i === 0 ? batch.slice(this.#taken, batch.values.length) : batch;
      return { values, times, keys, origins, marks, partition };
    });
  }
}
