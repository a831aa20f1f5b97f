import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchBytes } from "../test/kafkajs-batches.js";
import type { KafkaMessage, OutgoingMessage } from "./kafka-driver.js";
import { type MakeProtocol, type PackedAnswer, packedFetch, type RawProtocol } from "./kafkajs-fetch-answers.js";
import { RawBatch } from "./kafkajs-internals.js";
import { batchOf, packedBatchOf } from "./kafkajs-messages.js";

const require = createRequire(import.meta.url);
const { protocol: fetchOf } = require("kafkajs/src/protocol/requests/fetch") as Protocols;
const MessageSet = require("kafkajs/src/protocol/messageSet") as (set: object) => { readonly buffer: Buffer };
interface Protocols {
  protocol(options: { readonly version: number }): MakeProtocol;
}
interface Answer {
  readonly responses: readonly {
    readonly topicName: string;
    readonly partitions: readonly { readonly partition: number; readonly messages: readonly object[] }[];
  }[];
}

const fetchOne = { maxWaitTime: 1, minBytes: 1, maxBytes: 1, topics: [] };
const int = (bits: 16 | 32 | 64, value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(bits / 8);
  if (bits === 16) bytes.writeInt16BE(Number(value));
  else if (bits === 32) bytes.writeInt32BE(Number(value));
  else bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([int(16, value.length), Buffer.from(value)]);

/** An answer to a fetch of version 11: one topic, what each of its partitions holds, and what was given up in it. */
function answerOf(sets: readonly Buffer[], aborted: readonly (readonly [number, number])[] = []): Buffer {
  const partitions = sets.flatMap((set, partition) => [
    int(32, partition),
    int(16, 0),
    int(64, 100),
    int(64, 90),
    int(64, 0),
    int(32, aborted.length),
    ...aborted.flatMap(([producer, offset]) => [int(64, producer), int(64, offset)]),
    int(32, -1),
    int(32, set.length),
    set,
  ]);
  return Buffer.concat([
    int(32, 0),
    int(16, 0),
    int(32, 0),
    int(32, 1),
    text("t"),
    int(32, sets.length),
    ...partitions,
  ]);
}

const setOf = (firstOffset: number, list: readonly OutgoingMessage[], transactional = false): Promise<Buffer> =>
  batchBytes(list, { firstOffset, transactional, producerId: transactional ? 5 : -1 });

async function decode({ response }: RawProtocol, answer: Buffer): Promise<Answer> {
  return (await response.parse(await response.decode(answer))) as Answer;
}

function batches(answer: Answer, from: number): object[] {
  return answer.responses.flatMap(({ topicName, partitions }) =>
    partitions.map((data) => {
      const { messages, ...rest } = batchOf(new RawBatch(topicName, String(from), data), false);
      return { ...rest, messages: messages.map((each) => JSON.stringify({ ...each, offset: String(each.offset) })) };
    }),
  );
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each));
const lists = fc.array(
  fc.array(fc.record({ key: fc.option(bytes), value: fc.option(bytes) }), { minLength: 1, maxLength: 10 }),
  { maxLength: 4 },
);
const outgoingOf = (list: readonly { key: Buffer | null; value: Buffer | null }[]): OutgoingMessage[] =>
  list.map(({ key, value }, i) => ({ key, value, headers: { h: Buffer.from("x") }, timestamp: 1_000 + i }));

describe("an answer to a fetch", () => {
  it("gives the batches that kafkajs would make of it, from any offset on", async () => {
    await fc.assert(
      fc.asyncProperty(lists, fc.nat(20), fc.nat(30), async (all, from, cut) => {
        const sets: Buffer[] = [];
        let offset = 0;
        for (const list of all) {
          sets.push(await setOf(offset, outgoingOf(list)));
          offset += list.length;
        }
        const whole = Buffer.concat(sets);
        const answer = answerOf([whole, whole.subarray(0, Math.max(0, whole.length - cut)), Buffer.alloc(0)]);
        const theirs = await decode(fetchOf({ version: 11 })(fetchOne), answer);
        const ours = await decode(packedFetch(fetchOf({ version: 11 }))(fetchOne), answer);
        expect(batches(ours, from)).toEqual(batches(theirs, from));
      }),
    );
  });

  it("leaves out what a transaction gave up, and goes on behind its mark", async () => {
    const list = outgoingOf([{ key: null, value: Buffer.from("v") }]);
    const mark = await setOf(2, [{ key: Buffer.from([0, 0, 0, 0]), value: null, headers: {}, timestamp: 1 }], true);
    mark.writeInt16BE(mark.readInt16BE(21) | 0x20, 21);
    const set = Buffer.concat([await setOf(0, list), await setOf(1, list, true), mark]);
    const answer = answerOf([set], [[5, 1]]);
    const theirs = await decode(fetchOf({ version: 11 })(fetchOne), answer);
    const ours = await decode(packedFetch(fetchOf({ version: 11 }))(fetchOne), answer);
    expect(batches(ours, 0)).toEqual(batches(theirs, 0));
    expect(batches(ours, 0)).toMatchObject([{ nextOffset: 3n, messages: [expect.anything()] }]);
    const onlyMark = await decode(packedFetch(fetchOf({ version: 11 }))(fetchOne), answerOf([mark]));
    expect(batches(onlyMark, 2)).toMatchObject([{ nextOffset: 3n, messages: [] }]);
  });

  it("goes on behind records that compaction took out of the end of a batch, where kafkajs would ask for that batch again", async () => {
    const set = await setOf(0, outgoingOf([{ key: null, value: null }]));
    set.writeInt32BE(9, 23);
    const ours = await decode(packedFetch(fetchOf({ version: 11 }))(fetchOne), answerOf([set]));
    expect(batches(ours, 0)).toMatchObject([{ nextOffset: 10n, messages: [expect.anything()] }]);
  });

  it("is kafkajs's own where it holds messages of an older format, or is of an older version", async () => {
    const { buffer } = MessageSet({ messageVersion: 1, entries: [{ key: "k", value: "old", timestamp: 1_000 }] });
    const ours = packedFetch(fetchOf({ version: 11 }))(fetchOne);
    const theirs = fetchOf({ version: 11 })(fetchOne);
    const answer = answerOf([await setOf(0, outgoingOf([{ key: null, value: null }])), Buffer.from(buffer)]);
    expect(batches(await decode(ours, answer), 0)).toEqual(batches(await decode(theirs, answer), 0));
    const old = packedFetch(fetchOf({ version: 4 }))(fetchOne);
    expect(old.response).toBe(fetchOf({ version: 4 })(fetchOne).response);
  });

  it("keeps none of the answer in what waits", async () => {
    const set = await setOf(0, outgoingOf([{ key: null, value: Buffer.from("v") }]));
    const answer = await decode(
      packedFetch(fetchOf({ version: 11 }))(fetchOne),
      answerOf([set, Buffer.concat(Array.from({ length: 1_000 }, () => set))]),
    );
    const data = answer.responses[0]?.partitions[0] as { messages: readonly PackedAnswer[] };
    const inAnswer = data.messages[0]?.batches[0]?.records as Buffer;
    const { messages } = packedBatchOf(new RawBatch("t", "0", data), false);
    if (!("take" in messages)) throw new Error("not packed");
    inAnswer.fill(0);
    const taken: KafkaMessage[] = [];
    messages.take(taken, 1, undefined);
    expect(taken.map(({ value }) => Buffer.from(value as Uint8Array).toString())).toEqual(["v"]);
    expect(messages.empty).toBe(true);
  });
});
