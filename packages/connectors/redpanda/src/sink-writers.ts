import {
  type SinkCommit,
  type SinkWriter,
  untilAborted,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "@millrace/core";
import type { Compression, KafkaProducer, OutgoingMessage, TransactionalSend } from "./kafka-driver.js";
import type { MessageMaker, PartitionMessages } from "./outgoing-messages.js";
import { classify } from "./redpanda-errors.js";
import { SinkPayload } from "./redpanda-system.js";

/** Sends each batch at once, one partition a request, and tells what became of each value. */
export class DirectWriter<T> implements SinkWriter<T> {
  readonly #producer: KafkaProducer;
  readonly #topic: string;
  readonly #maker: MessageMaker<T>;

  constructor(producer: KafkaProducer, topic: string, maker: MessageMaker<T>) {
    this.#producer = producer;
    this.#topic = topic;
    this.#maker = maker;
  }

  async write(values: readonly T[], context: WriteContext): Promise<readonly WriteOutcome[]> {
    const { signal } = context;
    if (signal.aborted) throw aborted();
    const outcomes = new Array<WriteOutcome>(values.length).fill("written");
    const partitions = new Map<number, PartitionMessages[]>();
    for (const piece of this.#maker.make(values, context, outcomes)) {
      const own = partitions.get(piece.partition);
      if (own === undefined) partitions.set(piece.partition, [piece]);
      else own.push(piece);
    }
    const sent = Promise.all(
      [...partitions].map(async ([partition, own]) => {
        // The order in a partition is kept: what follows a piece that failed is not sent before it.
        for (const [i, { messages, places }] of own.entries()) {
          await this.#send(partition, messages, places, outcomes);
          const failed = places
            .map((place) => outcomes[place])
            .find((outcome) => outcome !== undefined && outcome !== "written" && outcome.class !== "poison");
          if (failed === undefined) continue;
          for (const later of own.slice(i + 1)) for (const place of later.places) outcomes[place] = failed;
          return;
        }
      }),
    );
    await untilAborted(sent, signal, aborted);
    return outcomes;
  }

  async close(): Promise<void> {}

  /** Halves what a broker refuses as too large or bad, in order, down to the message at fault. */
  async #send(
    partition: number,
    messages: readonly OutgoingMessage[],
    places: readonly number[],
    outcomes: WriteOutcome[],
  ): Promise<void> {
    try {
      await this.#producer.send({ topic: this.#topic, partition }, messages);
    } catch (error) {
      const failure = classify(error);
      if (failure.class === "poison" && messages.length > 1) {
        const middle = messages.length >> 1;
        await this.#send(partition, messages.slice(0, middle), places.slice(0, middle), outcomes);
        await this.#send(partition, messages.slice(middle), places.slice(middle), outcomes);
        return;
      }
      for (const place of places)
        outcomes[place] = { class: failure.class, code: failure.code, message: failure.message };
    }
  }
}

/** Holds what it is given until the checkpoint store of the same cluster writes it in the transaction of the checkpoint it belongs to. */
export class TransactionalWriter<T> implements SinkWriter<T> {
  readonly #system: string;
  readonly #topic: string;
  readonly #maker: MessageMaker<T>;
  readonly #maxBytes: number;
  readonly #compression: Compression;
  #sends: TransactionalSend[] = [];
  #bytes = 0;

  constructor(system: string, topic: string, maker: MessageMaker<T>, maxBytes: number, compression: Compression) {
    this.#system = system;
    this.#topic = topic;
    this.#maker = maker;
    this.#maxBytes = maxBytes;
    this.#compression = compression;
  }

  async write(values: readonly T[], context: WriteContext): Promise<readonly WriteOutcome[]> {
    if (context.signal.aborted) throw aborted();
    const outcomes = new Array<WriteOutcome>(values.length).fill("written");
    const pieces = this.#maker.make(values, context, outcomes);
    let bytes = 0;
    for (const { messages } of pieces)
      for (const { key, value } of messages) bytes += (key?.length ?? 0) + (value?.length ?? 0) + 64;
    if (this.#bytes + bytes > this.#maxBytes)
      throw new WriteError(
        "fatal",
        "E_REDPANDA_EPOCH_TOO_LARGE",
        `topic "${this.#topic}": more than ${this.#maxBytes} bytes of messages wait for one checkpoint. Take checkpoints more often, or raise maxEpochBytes`,
      );
    this.#bytes += bytes;
    for (const { partition, messages } of pieces)
      this.#sends.push({ target: { topic: this.#topic, partition }, messages, compression: this.#compression });
    return outcomes;
  }

  async flush(): Promise<void | SinkCommit> {
    const sends = this.#sends;
    this.#sends = [];
    this.#bytes = 0;
    if (sends.length > 0) return { commit: new SinkPayload(this.#system, sends) };
  }

  async close(): Promise<void> {}
}

function aborted(): WriteError {
  return new WriteError("fatal", "E_REDPANDA_ABORTED", "the run is over: nothing more is sent");
}
