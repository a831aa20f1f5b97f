import { createRequire } from "node:module";
import type { OutgoingMessage } from "../src/kafka-driver.js";
import { outgoing } from "../src/kafkajs-messages.js";

const require = createRequire(import.meta.url);
const kafkajsRecord = require("kafkajs/src/protocol/recordBatch/record/v0") as (record: object) => object;
const { RecordBatch } = require("kafkajs/src/protocol/recordBatch/v0") as {
  RecordBatch(batch: object): Promise<{ readonly buffer: Buffer }>;
};

/** Of messages that name no time. */
export const NOW = 1_700_000_000_000;

/** A batch of records as kafkajs writes it. `more` goes into each record, in kafkajs's own words. */
export async function batchBytes(
  messages: readonly OutgoingMessage[],
  {
    transactional = false,
    producerId = -1,
    firstOffset = 0,
    more = {},
  }: {
    readonly transactional?: boolean;
    readonly producerId?: number;
    readonly firstOffset?: number;
    readonly more?: object;
  } = {},
): Promise<Buffer> {
  const times = messages.map(({ timestamp }) => timestamp ?? NOW);
  const firstTimestamp = times[0] ?? NOW;
  const { buffer } = await RecordBatch({
    records: messages.map((message, offsetDelta) =>
      kafkajsRecord({
        ...outgoing(message, 0),
        ...more,
        offsetDelta,
        timestampDelta: (times[offsetDelta] as number) - firstTimestamp,
      }),
    ),
    firstTimestamp,
    maxTimestamp: Math.max(firstTimestamp, ...times),
    producerId,
    producerEpoch: 3,
    firstSequence: 11,
    transactional,
    lastOffsetDelta: messages.length - 1,
  });
  const bytes = Buffer.from(buffer);
  bytes.writeBigInt64BE(BigInt(firstOffset));
  return bytes;
}
