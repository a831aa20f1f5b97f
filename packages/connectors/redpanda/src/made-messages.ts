import type { KafkaMessage, PackedMessages } from "./kafka-driver.js";

/** What a message costs in memory beside its key and value: the objects around the bytes weigh more than most messages. */
const MESSAGE_BYTES = 512;

/** Messages that the client has made already. */
export class MadeMessages implements PackedMessages {
  #messages: readonly KafkaMessage[];
  /** Of the first one that has not been taken. */
  #head = 0;
  #bytes = 0;

  constructor(messages: readonly KafkaMessage[], from: bigint) {
    this.#messages = messages.filter(({ offset }) => offset >= from);
    for (const message of this.#messages) this.#bytes += sizeOf(message);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#head === this.#messages.length;
  }

  take(taken: KafkaMessage[], most: number, stop: bigint | undefined): void {
    while (taken.length < most) {
      const message = this.#messages[this.#head];
      if (message === undefined || (stop !== undefined && message.offset >= stop)) return;
      taken.push(message);
      this.#bytes -= sizeOf(message);
      this.#head++;
    }
  }
}

/** What it takes in memory, about. */
export function sizeOf({ key, value }: KafkaMessage): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + MESSAGE_BYTES;
}
