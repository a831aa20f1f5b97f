import type { KafkaBatch, KafkaMessage } from "./kafka-driver.js";

/** Values handed on at once. */
const MAX_MESSAGES = 1_024;
/** What a message costs in memory beside its key and value: the objects around the bytes weigh more than most messages. */
const MESSAGE_BYTES = 512;

/** What a queue needs of the consumer. */
export interface QueueControl {
  pause(): void;
  resume(): void;
  seek(offset: bigint): void;
  /** The client reads on at another place than it was told; the queue takes nothing until `readOn()` or `fail()`. */
  strayed(fetchedFrom: bigint): void;
}

/**
 * Messages of one partition between the client and the reader: what turns backpressure into a pause. It knows at which offset the next
 * fetch must begin, and takes no other: neither a late answer from before a seek nor what a client reads after a silent reset.
 */
export class PartitionQueue {
  readonly #control: QueueControl;
  /** Over so many bytes the partition is paused; below half of them, it goes on. */
  readonly #maxBytes: number;
  #messages: KafkaMessage[] = [];
  /** Of the first message that has not been taken. */
  #head = 0;
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

  constructor(next: bigint, high: bigint, maxBytes: number, control: QueueControl) {
    this.#next = next;
    this.#fetched = next;
    this.high = high;
    this.#maxBytes = maxBytes;
    this.#control = control;
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

  /**
   * Nothing before `stop` is still to come. Compaction can leave a last batch without a message, which some clients read for ever without
   * telling: two fetches in a row that bring nothing at all for anybody end it too.
   */
  ended(stop: bigint): boolean {
    return this.#isEmpty() ? this.#fetched >= stop || (this.high >= stop && this.#quiet >= 2) : this.#next >= stop;
  }

  add({ messages, fetchedFrom, nextOffset, highWatermark, quiet }: KafkaBatch): void {
    if (this.#closed || this.#revoked || this.#strayed) return;
    if (fetchedFrom !== this.#fetched) {
      this.#strayed = true;
      this.#control.strayed(fetchedFrom);
      return;
    }
    this.high = highWatermark > nextOffset ? highWatermark : nextOffset;
    this.#quiet = quiet ? this.#quiet + 1 : 0;
    for (const message of messages) {
      if (message.offset < this.#fetched) continue;
      this.#messages.push(message);
      this.#bytes += sizeOf(message);
    }
    this.#fetched = nextOffset;
    if (this.#bytes > this.#maxBytes && !this.#paused) {
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

  /** The next messages, before `stop`; none where there are none now. */
  take(stop: bigint | undefined): { readonly messages: readonly KafkaMessage[]; readonly bytes: number } {
    if (this.#failure !== undefined) throw this.#failure.error;
    let end = Math.min(this.#messages.length, this.#head + MAX_MESSAGES);
    if (stop !== undefined) while (end > this.#head && (this.#messages[end - 1] as KafkaMessage).offset >= stop) end--;
    const messages = this.#messages.slice(this.#head, end);
    let bytes = 0;
    for (const message of messages) bytes += sizeOf(message);
    this.#drop(end, bytes);
    const last = messages[messages.length - 1];
    if (last !== undefined) this.#next = last.offset + 1n;
    if (this.#paused && this.#bytes < this.#maxBytes / 2) {
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
    return this.#messages.length === this.#head;
  }

  /** What was taken must not stay alive, and an array is not shifted for every batch. */
  #drop(end: number, bytes: number): void {
    this.#bytes -= bytes;
    if (end === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    } else if (end > 4 * MAX_MESSAGES) {
      this.#messages = this.#messages.slice(end);
      this.#head = 0;
    } else {
      this.#messages.fill(undefined as never, this.#head, end);
      this.#head = end;
    }
  }

  #clear(): void {
    this.#messages = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}

function sizeOf({ key, value }: KafkaMessage): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + MESSAGE_BYTES;
}
