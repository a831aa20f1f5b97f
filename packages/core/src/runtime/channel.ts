import type { Item } from "../stage.js";

/** A channel takes no more above this many values or bytes; one emission may go over it, so a stage never has to stop half way. */
export interface ChannelLimits {
  readonly values: number;
  readonly bytes: number;
}

export const DEFAULT_CHANNEL: ChannelLimits = { values: 4_096, bytes: 8 * 1024 * 1024 };

/**
 * A bounded queue between two actors: what makes backpressure. Items leave in the order they came. Marks (watermarks, barriers, ends)
 * always fit. A consumer that wants no more closes it; then everything pushed is dropped.
 */
export class Channel {
  readonly from: string;
  readonly to: string;
  readonly #limits: ChannelLimits;
  #items: (Item | undefined)[] = [];
  #bytes: number[] = [];
  #head = 0;
  #valueCount = 0;
  #byteCount = 0;
  /** Barriers and stops in it. */
  #urgent = 0;
  #overdrawn = false;
  #closed = false;
  /** Called when there is something to take, and when it is full no longer or closed. */
  wakeConsumer: () => void = () => {};
  wakeProducer: () => void = () => {};

  constructor(from: string, to: string, limits: ChannelLimits = DEFAULT_CHANNEL) {
    this.from = from;
    this.to = to;
    this.#limits = limits;
  }

  get full(): boolean {
    return this.#overdrawn || this.#valueCount >= this.#limits.values || this.#byteCount >= this.#limits.bytes;
  }

  get empty(): boolean {
    return this.#head === this.#items.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** A barrier or a stop waits in it behind values: it must be reached though the consumer would take no more now. */
  get urgent(): boolean {
    return this.#urgent > 0;
  }

  /** Values in it now. */
  get size(): number {
    return this.#valueCount;
  }

  /** The consumer took more from it than it can use now, for the sake of a barrier: nothing new until it says that it has caught up. */
  overdraw(overdrawn: boolean): void {
    const wasFull = this.full;
    this.#overdrawn = overdrawn;
    if (wasFull && !this.full) this.wakeProducer();
  }

  push(item: Item, bytes = 0): void {
    if (this.#closed) return;
    this.#items.push(item);
    this.#bytes.push(bytes);
    if (item.kind === "batch") this.#valueCount += item.values.length;
    if (isUrgent(item)) this.#urgent++;
    this.#byteCount += bytes;
    this.wakeConsumer();
  }

  shift(): Item | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    const wasFull = this.full;
    if (item.kind === "batch") this.#valueCount -= item.values.length;
    if (isUrgent(item)) this.#urgent--;
    this.#byteCount -= this.#bytes[this.#head] as number;
    this.#items[this.#head] = undefined;
    this.#head++;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#bytes = [];
      this.#head = 0;
    } else if (this.#head >= 1_024) {
      this.#items.splice(0, this.#head);
      this.#bytes.splice(0, this.#head);
      this.#head = 0;
    }
    if (wasFull && !this.full) this.wakeProducer();
    return item;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#items = [];
    this.#bytes = [];
    this.#head = 0;
    this.#valueCount = 0;
    this.#byteCount = 0;
    this.#urgent = 0;
    this.wakeProducer();
  }
}

function isUrgent(item: Item): boolean {
  return item.kind === "barrier" || (item.kind === "end" && item.how !== "complete");
}
