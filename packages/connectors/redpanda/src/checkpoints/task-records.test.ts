import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHUNK_BYTES, joinChunks, parseKey, recordMessages } from "./task-records.js";

const bytes = (length: number): Uint8Array => new Uint8Array(length).map((_, i) => (i * 31) % 251);

/** What is left of the messages, as a compacted topic keeps them. */
function kept(messages: ReturnType<typeof recordMessages>): Map<number, Uint8Array> {
  const chunks = new Map<number, Uint8Array>();
  for (const { key, value } of messages) {
    const { chunk } = parseKey(key as Uint8Array);
    if (value === null) chunks.delete(chunk);
    else chunks.set(chunk, value);
  }
  return chunks;
}

describe("records of a task in a compacted topic", () => {
  it("have keys that say what they are, whatever the names and bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), fc.uint8Array(), (task, state, key) => {
        fc.pre(task.isWellFormed() && state.isWellFormed());
        const [message] = recordMessages("entry", task, state, key, new Uint8Array(), 0);
        const parsed = parseKey(message?.key as Uint8Array);
        expect(parsed).toMatchObject({ kind: "entry", task, state, chunk: 0 });
        expect([...parsed.key]).toEqual([...key]);
      }),
    );
  });

  it.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5])(
    "come back whole with %i bytes",
    (length) => {
      const chunks = kept(recordMessages("entry", "t", "s", undefined, bytes(length), 0));
      expect(Buffer.compare(Buffer.from(joinChunks(chunks) as Uint8Array), Buffer.from(bytes(length)))).toBe(0);
    },
  );

  it("leave nothing of a larger one behind", () => {
    const large = recordMessages("entry", "t", "s", undefined, bytes(3 * CHUNK_BYTES), 0);
    expect(kept([...large, ...recordMessages("entry", "t", "s", undefined, bytes(5), 3)]).size).toBe(1);
    expect(kept([...large, ...recordMessages("entry", "t", "s", undefined, undefined, 3)]).size).toBe(0);
  });

  it("are not taken for whole where a chunk is missing", () => {
    const chunks = kept(recordMessages("entry", "t", "s", undefined, bytes(3 * CHUNK_BYTES), 0));
    chunks.delete(1);
    expect(joinChunks(chunks)).toBeUndefined();
  });
});
