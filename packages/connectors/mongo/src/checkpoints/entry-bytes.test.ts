import type { StateEntry } from "@millrace/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareEntries, type PackedEntry, PartWriter, readEntries, sortEntries } from "./entry-bytes.js";
import { mergeEntries, segmentsToMerge } from "./merge-entries.js";

const bytes = fc.uint8Array({ maxLength: 20 });
const states = fc.constantFrom("a", "b", "a.b", "é");
const entries = fc.array(fc.tuple(states, bytes, fc.option(bytes, { nil: undefined })), { maxLength: 40 });

async function* parts(buffers: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* buffers;
}

function pack(changes: readonly StateEntry[], partBytes: number): Buffer[] {
  const writer = new PartWriter(partBytes);
  const full: Buffer[] = [];
  for (const entry of changes) {
    writer.add(entry);
    full.push(...writer.take());
  }
  return [...full, ...writer.end()];
}

async function unpack(buffers: readonly Buffer[]): Promise<PackedEntry[]> {
  const all: PackedEntry[] = [];
  for await (const batch of readEntries(parts(buffers))) all.push(...batch);
  return all;
}

const text = ([state, key, value]: StateEntry): string =>
  `${state} ${Buffer.from(key).toString("hex")} ${value === undefined ? "-" : Buffer.from(value).toString("hex")}`;
const keyText = ([state, key]: StateEntry): string => `${state} ${Buffer.from(key).toString("hex")}`;

describe("entries of a segment", () => {
  it("come back as they were, whatever the size of a part", async () => {
    await fc.assert(
      fc.asyncProperty(entries, fc.integer({ min: 1, max: 64 }), async (changes, partBytes) => {
        const packed = pack(changes, partBytes);
        expect(packed.every(({ length }) => length <= partBytes)).toBe(true);
        expect((await unpack(packed)).map(text)).toEqual(changes.map(text));
      }),
    );
  });

  it("that are cut off are an error", async () => {
    const packed = pack([["a", Buffer.from("key"), Buffer.from("value")]], 8);
    await expect(unpack(packed.slice(0, -1))).rejects.toThrow(RangeError);
  });

  it("are sorted, each key once, as its last change has it", async () => {
    await fc.assert(
      fc.asyncProperty(entries, async (changes) => {
        const oracle = new Map(changes.map((entry) => [keyText(entry), text(entry)]));
        const sorted = await sortEntries(changes);
        expect(new Map(sorted.map((entry) => [keyText(entry), text(entry)]))).toEqual(oracle);
        expect(sorted.length).toBe(oracle.size);
        for (let i = 1; i < sorted.length; i++)
          expect(compareEntries(sorted[i - 1] as StateEntry, sorted[i] as StateEntry)).toBeLessThan(0);
      }),
    );
  });

  it("are sorted in slices as in one", async () => {
    const changes = Array.from({ length: 20_000 }, (_, i): StateEntry => {
      const n = (i * 7_919) % 9_973;
      return [`s${n % 3}`, Buffer.from(String(n)), Buffer.from(String(i))];
    });
    const oracle = [...new Map(changes.map((entry) => [keyText(entry), entry])).values()].sort(compareEntries);
    expect((await sortEntries(changes)).map(text)).toEqual(oracle.map(text));
  });
});

describe("merged segments", () => {
  it("are what a map is after all of their changes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entries, { maxLength: 6 }),
        fc.boolean(),
        fc.integer({ min: 4, max: 64 }),
        async (epochs, keepDeleted, partBytes) => {
          const oracle = new Map<string, string>();
          for (const changes of epochs) for (const entry of changes) oracle.set(keyText(entry), text(entry));
          if (!keepDeleted) for (const [key, value] of oracle) if (value.endsWith(" -")) oracle.delete(key);
          const segments = await Promise.all(
            epochs.map(async (changes) => readEntries(parts(pack(await sortEntries(changes), partBytes)))),
          );
          const merged: StateEntry[] = [];
          for await (const entry of mergeEntries(segments, { keepDeleted })) merged.push(entry);
          expect(new Map(merged.map((entry) => [keyText(entry), text(entry)]))).toEqual(oracle);
          expect(merged.length).toBe(oracle.size);
          expect(merged.map(text)).toEqual([...merged].sort(compareEntries).map(text));
        },
      ),
    );
  });

  it("stay few, and are written again only a few times each", () => {
    for (const [size, growing] of [
      [100, false],
      [100, true],
    ] as const) {
      const segments: number[] = [];
      let written = 0;
      let most = 0;
      for (let epoch = 0; epoch < 5_000; epoch++) {
        segments.push(size);
        const count = segmentsToMerge(segments);
        if (count > 0) {
          const merged = segments.splice(-count);
          // The same keys each time, or new ones.
          const result = growing ? merged.reduce((sum, one) => sum + one, 0) : Math.max(...merged);
          segments.push(result);
          written += result;
        }
        most = Math.max(most, segments.length);
      }
      expect(most).toBeLessThanOrEqual(16);
      expect(written / (5_000 * size)).toBeLessThan(8);
    }
    expect(segmentsToMerge([])).toBe(0);
    expect(segmentsToMerge([1_000_000, 1, 1, 1])).toBe(0);
    expect(segmentsToMerge([1_000_000, 1, 1, 1, 1])).toBe(4);
  });
});
