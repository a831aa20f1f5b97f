import { WriteError } from "@millrace/core";
import { type MessageToProduce, Producer } from "@platformatic/kafka";
import type {
  KafkaProducer,
  KafkaTransactionalProducer,
  OutgoingMessage,
  ProducerOptions,
  TopicPartition,
  TransactionalOptions,
  TransactionalSend,
} from "../kafka-driver.js";
import type { ClientOptions } from "./platformatic-options.js";

const ALL_IN_SYNC = -1;
/** Asks for a new producer id: the client would ask for number 0, which is somebody's. */
const NONE = -1n;

/** Sends by @platformatic/kafka, one partition at a time: what became of each partition of a larger send it does not tell. */
export class PlatformaticProducer implements KafkaProducer {
  readonly #options: ClientOptions;
  readonly #wanted: ProducerOptions;
  #producer: Producer;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ClientOptions, wanted: ProducerOptions) {
    this.#options = options;
    this.#wanted = wanted;
    this.#producer = this.#create();
  }

  send(target: TopicPartition, messages: readonly OutgoingMessage[]): Promise<void> {
    if (!this.#wanted.idempotent) return this.#send(target, messages);
    // Sends at once get their sequence numbers in one order and leave in another.
    const turn = this.#turn.then(() => this.#send(target, messages));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #send(target: TopicPartition, messages: readonly OutgoingMessage[]): Promise<void> {
    const producer = this.#producer;
    const { idempotent, compression } = this.#wanted;
    try {
      const { unwritableNodes } = await producer.send({
        messages: messages.map((message) => outgoing(target, message)),
        acks: ALL_IN_SYNC,
        idempotent,
        compression,
      });
      if (unwritableNodes !== undefined && unwritableNodes.length > 0)
        throw new WriteError("transient", "E_REDPANDA_CONNECTION", "the client's connection is full");
    } catch (error) {
      // Whether its sequence numbers were used nobody knows: the next messages could pass for repetitions of these.
      if (idempotent && this.#producer === producer) {
        this.#producer = this.#create();
        void producer.close().catch(() => {});
      }
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#producer.close();
  }

  #create(): Producer {
    const { idempotent, timeoutMs } = this.#wanted;
    return new Producer({ ...this.#options, idempotent, timeout: timeoutMs, acks: ALL_IN_SYNC });
  }
}

/** One transactional id, one transaction at a time. */
export class PlatformaticTransactionalProducer implements KafkaTransactionalProducer {
  readonly #producer: Producer;

  static async open(
    options: ClientOptions,
    { transactionalId, timeoutMs }: TransactionalOptions,
  ): Promise<PlatformaticTransactionalProducer> {
    const producer = new Producer({
      ...options,
      idempotent: true,
      transactionalId,
      timeout: timeoutMs,
      acks: ALL_IN_SYNC,
      retries: 8,
    });
    try {
      // Its producer id, which fences the former owner, comes with the first transaction and stays.
      const first = await producer.beginTransaction({ producerId: NONE, producerEpoch: -1 });
      await first.cancel();
      return new PlatformaticTransactionalProducer(producer);
    } catch (error) {
      await producer.close().catch(() => {});
      throw error;
    }
  }

  private constructor(producer: Producer) {
    this.#producer = producer;
  }

  async transact(sends: readonly TransactionalSend[]): Promise<void> {
    const transaction = await this.#producer.beginTransaction();
    for (const { target, messages, compression = "none" } of sends)
      await transaction.send({
        messages: messages.map((message) => outgoing(target, message)),
        acks: ALL_IN_SYNC,
        compression,
      });
    await transaction.commit();
  }

  close(): Promise<void> {
    return this.#producer.close();
  }
}

function outgoing(
  { topic, partition }: TopicPartition,
  { key, value, headers, timestamp }: OutgoingMessage,
): MessageToProduce {
  const own = new Map<Buffer, Buffer>();
  for (const name in headers) own.set(Buffer.from(name), view(headers[name] as Uint8Array));
  return {
    topic,
    partition,
    ...(key === null ? {} : { key: view(key) }),
    ...(value === null ? {} : { value: view(value) }),
    ...(own.size === 0 ? {} : { headers: own }),
    ...(timestamp === undefined ? {} : { timestamp: BigInt(timestamp) }),
  };
}

/** The same bytes: the client only reads them. */
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
