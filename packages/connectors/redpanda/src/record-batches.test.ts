import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchBytes, NOW } from "../test/kafkajs-batches.js";
import type { KafkaMessage, OutgoingMessage } from "./kafka-driver.js";
import { PackedRecords } from "./packed-messages.js";
import { type RecordBatch, recordBatches, visibleBatches } from "./record-batches.js";

const bytes = fc.uint8Array({ maxLength: 300 });
const messages: fc.Arbitrary<OutgoingMessage[]> = fc.array(
  fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.dictionary(fc.string({ maxLength: 20 }), bytes, { maxKeys: 4, noNullPrototype: true }),
    timestamp: fc.option(fc.integer({ min: 0, max: 253_402_300_799_000 }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 80 },
);

function decoded(batches: readonly RecordBatch[], from = 0n): KafkaMessage[] {
  const taken: KafkaMessage[] = [];
  new PackedRecords(batches, from).take(taken, Number.POSITIVE_INFINITY, undefined);
  return taken;
}

function expected(list: readonly OutgoingMessage[]): object[] {
  return list.map(({ key, value, headers, timestamp }, i) => ({
    key: key === null ? undefined : [...key],
    value: value === null ? undefined : [...value],
    headers: Object.fromEntries(Object.entries(headers).map(([name, each]) => [name, [...each]])),
    timestamp: timestamp ?? NOW,
    offset: BigInt(i),
  }));
}

function plain({ key, value, headers, timestamp, offset }: KafkaMessage): object {
  return {
    key: key === undefined ? undefined : [...key],
    value: value === undefined ? undefined : [...value],
    headers: Object.fromEntries(Object.entries(headers).map(([name, each]) => [name, [...each]])),
    timestamp,
    offset,
  };
}

describe("a batch of records", () => {
  it("is read as kafkajs wrote it, from any offset on, in any portions, up to any stop", async () => {
    await fc.assert(
      fc.asyncProperty(
        messages,
        fc.nat(90),
        fc.nat(90),
        fc.integer({ min: 1, max: 30 }),
        async (list, from, stop, most) => {
          const batches = recordBatches(await batchBytes(list)) ?? [];
          const packed = new PackedRecords(batches, BigInt(from));
          const taken: KafkaMessage[] = [];
          for (let before = -1; before < taken.length; ) {
            before = taken.length;
            const portion: KafkaMessage[] = [];
            packed.take(portion, most, BigInt(stop));
            expect(portion.length).toBeLessThanOrEqual(most);
            taken.push(...portion);
          }
          expect(taken.map(plain)).toEqual(expected(list).slice(from, Math.max(from, stop)));
          expect(packed.empty).toBe(Math.max(from, stop) >= list.length);
          if (packed.empty) expect(packed.bytes).toBe(0);
          else expect(packed.bytes).toBeGreaterThan(0);
        },
      ),
    );
  });

  it("that is cut off is left for the next answer, and one of an older format is not read here", async () => {
    const batch = await batchBytes([{ key: null, value: Buffer.from("a"), headers: {}, timestamp: 1 }]);
    const two = Buffer.concat([batch, batch]);
    for (let end = batch.length; end < two.length; end++) expect(recordBatches(two.subarray(0, end))).toHaveLength(1);
    expect(recordBatches(two)).toHaveLength(2);
    const old = Buffer.from(two);
    old[batch.length + 16] = 1;
    expect(recordBatches(old)).toBeUndefined();
  });

  it("that is damaged is an error where that shows, and gives no more messages than it has", async () => {
    const list = [1, 2, 3].map((n) => ({
      key: Buffer.from("k"),
      value: Buffer.alloc(n, "v"),
      headers: {},
      timestamp: n,
    }));
    const batch = await batchBytes(list);
    let refused = 0;
    for (let at = 61; at < batch.length; at++) {
      const damaged = Buffer.from(batch);
      damaged[at] = 0xff;
      const read = (): KafkaMessage[] => decoded(recordBatches(damaged) ?? []);
      try {
        expect(read().length).toBeLessThanOrEqual(3);
      } catch {
        expect(read).toThrow("the batch is damaged");
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });

  it("keeps a header called __proto__, and the last one of a name", async () => {
    const headers = Object.fromEntries([["__proto__", Buffer.from("a")]]);
    const batch = await batchBytes([{ key: null, value: null, headers, timestamp: 1 }]);
    const [message] = decoded(recordBatches(batch) ?? []);
    expect(Object.keys(message?.headers ?? {})).toEqual(["__proto__"]);
    const more = { headers: { h: [Buffer.from("1"), Buffer.from("2")] } };
    const twice = await batchBytes([{ key: null, value: null, headers: {}, timestamp: 1 }], { more });
    const [last] = decoded(recordBatches(twice) ?? []);
    expect(Buffer.from(last?.headers.h as Uint8Array).toString()).toBe("2");
  });
});

describe("batches of transactions", () => {
  const at = (firstOffset: number, count: number, rest: Partial<RecordBatch> = {}): RecordBatch => ({
    firstOffset: BigInt(firstOffset),
    lastOffset: BigInt(firstOffset + count - 1),
    firstTime: 0,
    appendTime: undefined,
    producerId: 1n,
    transactional: true,
    control: false,
    codec: 0,
    count,
    records: Buffer.alloc(0),
    ...rest,
  });
  /** A record: its length, attributes, time, offset, and a key of version 0 and the kind. */
  const mark = (offset: number, kind: "abort" | "commit", producerId = 1n): RecordBatch =>
    at(offset, 1, {
      control: true,
      producerId,
      records: Buffer.from([20, 0, 0, 0, 8, 0, 0, 0, kind === "abort" ? 0 : 1, 1, 0]),
    });
  const offsets = (batches: readonly RecordBatch[]): number[] => batches.map(({ firstOffset }) => Number(firstOffset));

  it("that were given up are not seen, nor marks, and those of the same producer before and behind are", () => {
    const log = [
      at(0, 2),
      mark(2, "commit"),
      at(3, 2),
      at(5, 1, { producerId: 2n }),
      at(6, 1),
      mark(7, "abort"),
      at(8, 1),
    ];
    expect(offsets(visibleBatches(log, [{ producerId: 1n, firstOffset: 3n }]))).toEqual([0, 5, 8]);
    expect(offsets(visibleBatches(log, []))).toEqual([0, 3, 5, 6, 8]);
  });

  it("of several producers are told apart, in whatever order they are named; what belongs to no transaction is seen", () => {
    const log = [
      at(0, 1),
      at(1, 1, { producerId: 2n }),
      at(2, 1, { transactional: false, producerId: -1n }),
      mark(3, "abort", 2n),
      at(4, 1, { producerId: 2n }),
      mark(5, "abort"),
      at(6, 0),
    ];
    const aborted = [
      { producerId: 2n, firstOffset: 1n },
      { producerId: 1n, firstOffset: 0n },
    ];
    expect(offsets(visibleBatches(log, aborted))).toEqual([2, 4]);
  });
});

it("a batch whose times the broker has set gives that time to all", async () => {
  const batch = await batchBytes([1, 5].map((timestamp) => ({ key: null, value: null, headers: {}, timestamp })));
  batch.writeInt16BE(batch.readInt16BE(21) | 8, 21);
  expect(decoded(recordBatches(batch) ?? []).map(({ timestamp }) => timestamp)).toEqual([5, 5]);
});

it("a message that is kept keeps no more than 8 KB beside itself", async () => {
  const batch = await batchBytes(
    Array.from({ length: 1_000 }, () => ({ key: null, value: Buffer.alloc(300), headers: {}, timestamp: 1 })),
  );
  for (const { value } of decoded(recordBatches(batch) ?? [])) expect(value?.buffer.byteLength).toBe(8_192);
});
