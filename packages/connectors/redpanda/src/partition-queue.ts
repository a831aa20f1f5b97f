import type { KafkaMessage } from "./kafka-driver.js";

/** Over so many bytes in its queue a partition is paused; below half of it, it goes on. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Values handed on at once. */
const MAX_MESSAGES = 1_024;

/** Messages of one partition between the client and the reader: what turns backpressure into a pause. */
export class PartitionQueue {
  readonly pause: () => void;
  readonly resume: () => void;
  #messages: KafkaMessage[] = [];
  #bytes = 0;
  #paused = false;
  #wake: () => void = () => {};
  #failure: { readonly error: Error } | undefined;
  closed = false;
  /** The next offset to be read. */
  next: bigint;
  /** The offset behind the last message in the topic, as far as is known. */
  high = 0n;
  /** Fetches for this partition that brought nothing since the last message. */
  idleFetches = 0;
  /** A fetch that began before asked for nothing of this partition. */
  #fetchedSinceMs = Date.now();

  constructor(next: bigint, pause: () => void, resume: () => void) {
    this.next = next;
    this.pause = pause;
    this.resume = resume;
  }

  get empty(): boolean {
    return this.#messages.length === 0;
  }

  add(messages: readonly KafkaMessage[], high: bigint): void {
    this.high = high;
    this.idleFetches = 0;
    for (const message of messages) {
      // After a seek a fetch that was under way can bring older ones.
      if (message.offset < this.next && this.#messages.length === 0) continue;
      const last = this.#messages[this.#messages.length - 1];
      if (last !== undefined && message.offset <= last.offset) continue;
      this.#messages.push(message);
      this.#bytes += sizeOf(message);
    }
    if (this.#bytes > MAX_BYTES && !this.#paused) {
      this.#paused = true;
      this.pause();
    }
    this.#wake();
  }

  idle(startedMs: number): void {
    if (this.#paused || startedMs <= this.#fetchedSinceMs) return;
    this.idleFetches++;
    this.#wake();
  }

  fail(error: Error): void {
    this.#failure = { error };
    this.#wake();
  }

  close(): void {
    this.closed = true;
    this.#wake();
  }

  /** The next messages, up to `stop`; none where there are none now. */
  take(stop: bigint | undefined): { readonly messages: KafkaMessage[]; readonly bytes: number } {
    if (this.#failure !== undefined) throw this.#failure.error;
    let count = Math.min(this.#messages.length, MAX_MESSAGES);
    if (stop !== undefined) while (count > 0 && (this.#messages[count - 1] as KafkaMessage).offset >= stop) count--;
    const messages = this.#messages.splice(0, count);
    let bytes = 0;
    for (const message of messages) bytes += sizeOf(message);
    this.#bytes -= bytes;
    const last = messages[messages.length - 1];
    if (last !== undefined) this.next = last.offset + 1n;
    if (this.#paused && this.#bytes < MAX_BYTES / 2) {
      this.#paused = false;
      this.#fetchedSinceMs = Date.now();
      this.resume();
    }
    return { messages, bytes };
  }

  /** Resolves when something has changed. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function sizeOf({ key, value }: KafkaMessage): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + 64;
}
