import type { ConsumedBatch, KafkaMessage, PackedMessages } from "./kafka-driver.js";
import { MadeMessages, sizeOf } from "./made-messages.js";

/** Values handed on at once. */
const MAX_MESSAGES = 1_024;

/** What a queue needs of the consumer. */
export interface QueueControl {
  pause(): void;
  resume(): void;
  seek(offset: bigint): void;
  /** The client reads on at another place than it was told; the queue takes nothing until `readOn()` or `fail()`. */
  strayed(fetchedFrom: bigint): void;
}

export interface QueueLimits {
  /** Over so many bytes the partition is paused; below half of them, it goes on. */
  readonly maxBytes: number;
  /** Nothing is handed on from this offset on, nor fetched once it is reached. */
  readonly stop?: bigint | undefined;
}

/**
 * Messages of one partition between the client and the reader: what turns backpressure into a pause. It knows at which offset the next
 * fetch must begin, and takes no other: neither a late answer from before a seek nor what a client reads after a silent reset.
 */
export class PartitionQueue {
  readonly #control: QueueControl;
  readonly #limits: QueueLimits;
  /** What has come and is not all taken, none of it empty. */
  #parts: PackedMessages[] = [];
  #bytes = 0;
  #paused = false;
  #strayed = false;
  #revoked = false;
  #closed = false;
  #wake: () => void = () => {};
  #failure: { readonly error: Error } | undefined;
  /** The next offset to be read. */
  #next: bigint;
  /** Where the next fetch must begin. */
  #fetched: bigint;
  /** Fetches in a row that brought nothing for anybody. */
  #quiet = 0;
  /** The offset behind the last message in the topic, as far as is known. */
  high: bigint;

  constructor(next: bigint, high: bigint, limits: QueueLimits, control: QueueControl) {
    this.#next = next;
    this.#fetched = next;
    this.high = high;
    this.#limits = limits;
    this.#control = control;
    this.#paused = this.#complete;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Where to resume once all that was taken is done: marks of transactions before the next message are passed as well. */
  get position(): bigint {
    return this.#isEmpty() ? this.#fetched : this.#next;
  }

  /** Everything that was there is taken. */
  get caughtUp(): boolean {
    return this.#isEmpty() && (this.#fetched >= this.high || this.#quiet >= 2);
  }

  /** Nothing that is wanted is still to be fetched. A fetch all the same would wait for what comes behind, and the consumer's end for the fetch. */
  get #complete(): boolean {
    return this.#limits.stop !== undefined && this.#fetched >= this.#limits.stop;
  }

  /** Whether it is to be fetched now. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * Nothing before the stop is still to come. Compaction can leave a last batch without a message, which some clients read for ever without
   * telling: two fetches in a row that bring nothing at all for anybody end it too.
   */
  get ended(): boolean {
    const { stop } = this.#limits;
    if (stop === undefined) return false;
    return this.#isEmpty() ? this.#fetched >= stop || (this.high >= stop && this.#quiet >= 2) : this.#next >= stop;
  }

  add({ messages, fetchedFrom, nextOffset, highWatermark, quiet }: ConsumedBatch): void {
    if (this.#closed || this.#revoked || this.#strayed) return;
    if (fetchedFrom !== this.#fetched) {
      this.#strayed = true;
      this.#control.strayed(fetchedFrom);
      return;
    }
    this.high = highWatermark > nextOffset ? highWatermark : nextOffset;
    this.#quiet = quiet ? this.#quiet + 1 : 0;
    const part = "take" in messages ? messages : new MadeMessages(messages, fetchedFrom);
    if (!part.empty) {
      this.#parts.push(part);
      this.#bytes += part.bytes;
    }
    this.#fetched = nextOffset;
    if ((this.#bytes > this.#limits.maxBytes || this.#complete) && !this.#paused) {
      this.#paused = true;
      this.#control.pause();
    }
    this.#wake();
  }

  /** After a rebalance, in which the client forgets where it was and what was paused. */
  rejoin(): void {
    this.#strayed = false;
    this.#control.seek(this.#fetched);
    if (this.#paused) this.#control.pause();
  }

  /** It was a late answer: fetches begin where they must again. */
  readOn(): void {
    this.#strayed = false;
    this.#control.seek(this.#fetched);
  }

  /** Retention has deleted what comes next: goes on at `offset`. */
  skipTo(offset: bigint): void {
    this.#fetched = offset;
    this.readOn();
  }

  /** Where fetches must go on. */
  get fetchAt(): bigint {
    return this.#fetched;
  }

  fail(error: Error): void {
    this.#failure = { error };
    this.#wake();
  }

  /**
   * The partition is somebody else's: nothing more comes, and a pending read waits for the reader to be closed. Ending it here would look
   * like the end of the input.
   */
  revoke(): void {
    this.#revoked = true;
    this.#clear();
  }

  close(): void {
    this.#closed = true;
    this.#clear();
    this.#wake();
  }

  /** The next messages, before the stop; none where there are none now. */
  take(): { readonly messages: readonly KafkaMessage[]; readonly bytes: number } {
    if (this.#failure !== undefined) throw this.#failure.error;
    const limits = this.#limits;
    const messages: KafkaMessage[] = [];
    for (let part = this.#parts[0]; part !== undefined && messages.length < MAX_MESSAGES; part = this.#parts[0]) {
      const before = part.bytes;
      part.take(messages, MAX_MESSAGES, limits.stop);
      this.#bytes += part.bytes - before;
      if (!part.empty) break;
      this.#parts.shift();
    }
    let bytes = 0;
    for (const message of messages) bytes += sizeOf(message);
    const last = messages[messages.length - 1];
    if (last !== undefined) this.#next = last.offset + 1n;
    // What is left comes behind the stop, though there may be marks or gaps before that.
    if (limits.stop !== undefined && !this.#isEmpty() && messages.length < MAX_MESSAGES) this.#next = limits.stop;
    if (this.#paused && !this.#complete && this.#bytes < limits.maxBytes / 2) {
      this.#paused = false;
      this.#control.resume();
    }
    return { messages, bytes };
  }

  /** Resolves when something has changed. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  #clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
