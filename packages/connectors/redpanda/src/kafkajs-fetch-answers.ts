import { createRequire } from "node:module";
import type { AbortedTransaction } from "./aborted-transactions.js";
import { type RecordBatch, recordBatches, visibleBatches } from "./record-batches.js";

/** The version of kafkajs is pinned: what is not in its types is read here. */
const require = createRequire(import.meta.url);
/** The newest that kafkajs speaks, and every broker since Kafka 2.3 and any Redpanda. */
const VERSION = 11;

const { lookupCodecByAttributes } = require("kafkajs/src/protocol/message/compression") as {
  lookupCodecByAttributes(attributes: number): { decompress(bytes: Buffer): Promise<Buffer> } | null;
};
const Decoder = require("kafkajs/src/protocol/decoder") as new (
  bytes: Buffer,
) => {
  offset: number;
  readInt16(): number;
  readInt32(): number;
  readInt64(): bigint;
  readString(): string;
  readBytes(): Buffer | null;
};
type RawDecoder = InstanceType<typeof Decoder>;

/** A request of kafkajs's, and how its answer is read. */
export interface RawProtocol {
  readonly request: { readonly apiVersion: number };
  readonly response: { decode(answer: Buffer): Promise<object>; parse(data: object): Promise<object> };
}

/** A request of some version of what it is given. */
export type MakeProtocol = (request: object) => RawProtocol;

/** All that a partition's part of an answer holds, in the place of the last message of it: kafkajs asks for what is behind that one. */
export class PackedAnswer {
  readonly offset: string;
  readonly batches: readonly RecordBatch[];
  readonly isControlRecord = false;
  readonly batchContext: object = {};

  constructor(lastOffset: bigint, batches: readonly RecordBatch[]) {
    this.offset = String(lastOffset);
    this.batches = batches;
  }
}

/** Answers to fetches whose messages are a {@link PackedAnswer}. */
export function packedFetch(make: MakeProtocol): MakeProtocol {
  return (args) => {
    const protocol = make(args);
    const { request, response } = protocol;
    if (request.apiVersion !== VERSION) return protocol;
    // A topic that was written before Kafka 0.11 may hold messages of older formats.
    const decode = async (answer: Buffer): Promise<object> => (await fetchAnswer(answer)) ?? response.decode(answer);
    return { ...protocol, response: { ...response, decode } };
  };
}

/** An answer as kafkajs has it, but for the messages. Undefined: there are some of an older format. */
async function fetchAnswer(answer: Buffer): Promise<object | undefined> {
  const decoder = new Decoder(answer);
  const clientSideThrottleTime = decoder.readInt32();
  const errorCode = decoder.readInt16();
  const sessionId = decoder.readInt32();
  const responses: object[] = [];
  for (let topics = decoder.readInt32(); topics > 0; topics--) {
    const topicName = decoder.readString();
    const partitions: object[] = [];
    for (let count = decoder.readInt32(); count > 0; count--) {
      const partition = await partitionAnswer(decoder);
      if (partition === undefined) return undefined;
      partitions.push(partition);
    }
    responses.push({ topicName, partitions });
  }
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

async function partitionAnswer(decoder: RawDecoder): Promise<object | undefined> {
  const head = {
    partition: decoder.readInt32(),
    errorCode: decoder.readInt16(),
    highWatermark: String(decoder.readInt64()),
    lastStableOffset: String(decoder.readInt64()),
    lastStartOffset: String(decoder.readInt64()),
  };
  const aborted: AbortedTransaction[] = [];
  for (let count = decoder.readInt32(); count > 0; count--)
    aborted.push({ producerId: decoder.readInt64(), firstOffset: decoder.readInt64() });
  const preferredReadReplica = decoder.readInt32();
  const batches = recordBatches(decoder.readBytes() ?? Buffer.alloc(0));
  if (batches === undefined) return undefined;
  const last = batches[batches.length - 1];
  const messages =
    last === undefined ? [] : [new PackedAnswer(last.lastOffset, await unpacked(visibleBatches(batches, aborted)))];
  return { ...head, abortedTransactions: [], preferredReadReplica, messages };
}

async function unpacked(batches: readonly RecordBatch[]): Promise<readonly RecordBatch[]> {
  if (batches.every(({ codec }) => codec === 0)) return batches;
  const plain: RecordBatch[] = [];
  for (const batch of batches) {
    const codec = batch.codec === 0 ? null : lookupCodecByAttributes(batch.codec);
    plain.push(codec === null ? batch : { ...batch, records: await codec.decompress(batch.records) });
  }
  return plain;
}
