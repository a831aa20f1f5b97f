import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { murmur2, partitionOfBytes, partitionOfKey } from "./partitioner.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("partitioner", () => {
  // What Kafka's own Utils.murmur2 gives for these bytes.
  it.each([
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ])("hashes %s as Kafka does", (text, hash) => {
    expect(murmur2(bytes(text))).toBe(hash);
  });

  it("puts a key into one partition that is there, always the same", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 1_024 }), (key, count) => {
        const partition = partitionOfBytes(key, count);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(count);
        expect(partitionOfBytes(Uint8Array.from(key), count)).toBe(partition);
      }),
    );
  });

  it("spreads keys over all partitions", () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 8_000; i++) {
      const partition = partitionOfKey(`citizen-${i}`, 8);
      counts.set(partition, (counts.get(partition) ?? 0) + 1);
    }
    expect(counts.size).toBe(8);
    for (const count of counts.values()) expect(count).toBeGreaterThan(800);
  });

  it("takes a key that is no text as its text", () => {
    expect([7, 7n, "7"].map((key) => partitionOfKey(key, 64))).toEqual(
      Array(3).fill(String(partitionOfBytes(bytes("7"), 64))),
    );
  });
});
