import { type Batch, MAX_BATCH } from "../stage.js";

/** Nobody knows yet how many values become of one. */
const FIRST_SIZE = 16;

/**
 * Cuts batches where a value may become many, so that one batch does not fill the channels below many times over. The size follows what
 * became of the last piece.
 */
export class Pieces {
  /** Values that a piece should become. */
  readonly #target: number;
  #size = FIRST_SIZE;
  #rest: { readonly batch: Batch; readonly input: number } | undefined;
  #taken = 0;
  #made = 0;

  constructor(channelValues: number) {
    this.#target = Math.ceil(channelValues / 2);
  }

  /** What is left of a batch: it comes before anything else. */
  get rest(): { readonly batch: Batch; readonly input: number } | undefined {
    return this.#rest;
  }

  /** The first piece of what came, or of what was left. */
  cut(batch: Batch, input: number): Batch {
    const count = batch.values.length;
    this.#rest = count > this.#size ? { batch: batch.slice(this.#size, count), input } : undefined;
    const piece = batch.slice(0, Math.min(this.#size, count));
    this.#taken = piece.values.length;
    this.#made = 0;
    return piece;
  }

  /** So many values left the chain. */
  made(count: number): void {
    this.#made += count;
  }

  clear(): void {
    this.#rest = undefined;
  }

  /** The piece has been worked on: what became of it tells the size of the next. */
  learn(): void {
    const made = Math.max(this.#made, this.#taken);
    this.#size = Math.max(1, Math.min(MAX_BATCH, Math.floor((this.#target * this.#taken) / made)));
  }
}
