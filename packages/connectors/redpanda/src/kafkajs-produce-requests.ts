import { createRequire } from "node:module";
import type { OutgoingMessage } from "./kafka-driver.js";
import { outgoing } from "./kafkajs-messages.js";
import type { MakeProtocol } from "./kafkajs-protocol.js";
import { writeRecordBatch } from "./record-batch-writer.js";

/** The version of kafkajs is pinned: what is not in its types is read here. */
const require = createRequire(import.meta.url);
/** The first with record batches. Those behind it, up to the newest that kafkajs speaks, are written alike. */
const FIRST_VERSION = 3;

interface RawEncoder {
  writeInt16(number: number): RawEncoder;
  writeInt32(number: number): RawEncoder;
  writeString(text: string | null): RawEncoder;
  writeBuffer(bytes: Buffer): RawEncoder;
}
const Encoder = require("kafkajs/src/protocol/encoder") as new () => RawEncoder;
const { lookupCodec } = require("kafkajs/src/protocol/message/compression") as {
  lookupCodec(kind: number): { compress(encoder: { readonly buffer: Buffer }): Promise<Buffer> };
};

/** What kafkajs asks a broker to write. */
interface RawProduce {
  readonly acks: number;
  readonly timeout: number;
  readonly compression: number;
  readonly transactionalId?: string | null;
  readonly producerId?: number | string | bigint;
  readonly producerEpoch?: number;
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly RawPartition[] }[];
}

interface RawPartition {
  readonly partition: number;
  readonly firstSequence?: number;
  readonly messages: SortedMessages;
}

/** Messages of one partition in the place of a list, with what kafkajs asks of one: it would ask for the partition of each, and make the list of a partition anew for each. */
export class SortedMessages {
  readonly partition: number;
  readonly messages: readonly OutgoingMessage[];

  constructor(partition: number, messages: readonly OutgoingMessage[]) {
    this.partition = partition;
    this.messages = messages;
  }

  get length(): number {
    return this.messages.length;
  }

  find(): undefined {
    return undefined;
  }

  reduce(): Record<number, SortedMessages> {
    return { [this.partition]: this };
  }
}

/** Requests of {@link SortedMessages}, the only ones that are made here. */
export function packedProduce(make: MakeProtocol): MakeProtocol {
  return (args) => {
    const protocol = make(args);
    if (protocol.request.apiVersion < FIRST_VERSION) return make(plain(args as RawProduce));
    return { ...protocol, request: { ...protocol.request, encode: () => encode(args as RawProduce) } };
  };
}

async function encode(request: RawProduce): Promise<object> {
  const { acks, timeout, compression, transactionalId = null, producerId = -1, producerEpoch = 0, topicData } = request;
  const now = Date.now();
  const encoder = new Encoder();
  encoder.writeString(transactionalId).writeInt16(acks).writeInt32(timeout).writeInt32(topicData.length);
  for (const { topic, partitions } of topicData) {
    encoder.writeString(topic).writeInt32(partitions.length);
    for (const { partition, messages, firstSequence = 0 } of partitions) {
      const batch = await writeRecordBatch(messages.messages, {
        now,
        producerId: BigInt(producerId),
        producerEpoch,
        firstSequence,
        transactional: transactionalId !== null,
        codec: compression,
        compress: (buffer) => lookupCodec(compression).compress({ buffer }),
      });
      encoder.writeInt32(partition).writeInt32(batch.length).writeBuffer(batch);
    }
  }
  return encoder;
}

/** As kafkajs itself has it, for brokers before Kafka 0.11. */
function plain(request: RawProduce): object {
  return {
    ...request,
    topicData: request.topicData.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ messages, ...rest }) => ({
        ...rest,
        messages: messages.messages.map((message) => outgoing(message, messages.partition)),
      })),
    })),
  };
}
