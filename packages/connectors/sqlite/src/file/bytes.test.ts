import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter, isWellFormed } from "./bytes.js";

const cell = fc.oneof(
  fc.record({
    kind: fc.constant("text" as const),
    value: fc.option(fc.string({ unit: "grapheme" }), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("blob" as const), value: fc.option(fc.uint8Array(), { nil: undefined }) }),
  fc.record({ kind: fc.constant("f64" as const), value: fc.double() }),
  fc.record({ kind: fc.constant("i64" as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ kind: fc.constant("u32" as const), value: fc.nat() }),
  fc.record({ kind: fc.constant("i32" as const), value: fc.integer() }),
  fc.record({ kind: fc.constant("u8" as const), value: fc.nat(255) }),
);

describe("bytes", () => {
  it("reads back whatever was written, however small the buffer was at first", () => {
    fc.assert(
      fc.property(fc.array(cell), (cells) => {
        const writer = new ByteWriter(1);
        for (const { kind, value } of cells) (writer[kind] as (value: unknown) => void).call(writer, value);
        const reader = new ByteReader(writer.take());
        const read = cells.map(({ kind }) => (reader[kind] as () => unknown).call(reader));
        expect(reader.done).toBe(true);
        read.forEach((value, i) => {
          const wanted = cells[i]?.value;
          expect(value instanceof Uint8Array ? Uint8Array.from(value) : value).toEqual(wanted);
        });
      }),
    );
  });

  it("tells an empty text from none", () => {
    const writer = new ByteWriter();
    writer.text("");
    writer.text(undefined);
    writer.blob(new Uint8Array(0));
    writer.blob(undefined);
    const reader = new ByteReader(writer.take());
    expect([reader.text(), reader.text(), reader.blob()?.length, reader.blob()]).toEqual(["", undefined, 0, undefined]);
  });

  it("takes what was written in memory of its own, and begins anew", () => {
    const writer = new ByteWriter();
    writer.u8(1);
    const first = writer.take();
    writer.u8(2);
    expect([[...first], [...writer.take()], first.buffer.byteLength]).toEqual([[1], [2], 1]);
  });

  it("forgets what came after a rewind", () => {
    const writer = new ByteWriter();
    writer.u8(1);
    writer.text("gone");
    writer.rewind(1);
    writer.u8(2);
    expect([...writer.take()]).toEqual([1, 2]);
  });

  it("knows half a surrogate pair", () => {
    expect([isWellFormed("a\u{1f600}é\0"), isWellFormed("a\ud83d"), isWellFormed("\ude00b")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
