import cassandra from "cassandra-driver";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cellBytes, cellParam } from "./cell-bytes.js";
import { type CellType, TYPES } from "./cell-type.js";
import { plainCell } from "./plain-cell.js";

interface DriverEncoder {
  encode(value: unknown, type: CellType): Buffer;
  decode(bytes: Buffer, type: CellType): unknown;
}
const { Encoder, types } = cassandra as unknown as {
  Encoder: new (version: number, options: object) => DriverEncoder;
  types: typeof cassandra.types;
};

/** A client that was passed in may be set up in any of these ways. */
const ENCODINGS = [
  {},
  { useBigIntAsLong: true, useBigIntAsVarint: true },
  { map: Map, set: Set },
  { map: Map, set: Set, useBigIntAsLong: true, useBigIntAsVarint: true },
];

function throughDriver(value: unknown, type: CellType): unknown[] {
  return ENCODINGS.map((encoding) => {
    const encoder = new Encoder(4, { encoding: { copyBuffer: true, useUndefinedAsUnset: true, ...encoding } });
    // The driver takes bytes as they are, whatever the column; of all else it must make the same bytes.
    const sent = encoder.encode(Buffer.from(cellBytes(value, type)), type);
    expect(encoder.encode(cellParam(value, type), type)).toEqual(sent);
    return plainCell(encoder.decode(sent, type), type);
  });
}

const of = (code: number, info?: unknown): CellType => ({ code, info });
const list = of(TYPES.list, of(TYPES.int));
const bigMap = of(TYPES.map, [of(TYPES.int), of(TYPES.bigint)]);
const udt = of(TYPES.udt, {
  fields: [
    { name: "a", type: of(TYPES.int) },
    { name: "b", type: of(TYPES.text) },
  ],
});

describe("cells", () => {
  it.each<[string, CellType, unknown, unknown?]>([
    ["text", of(TYPES.text), "naïve 日本 👍"],
    ["ascii", of(TYPES.ascii), "plain"],
    ["int", of(TYPES.int), -(2 ** 31)],
    ["int from a bigint", of(TYPES.int), 5n, 5],
    ["bigint", of(TYPES.bigint), 9007199254740993n],
    ["bigint from a number", of(TYPES.bigint), 12, 12n],
    ["bigint from the driver's Long", of(TYPES.bigint), types.Long.fromString("-9007199254740993"), -9007199254740993n],
    ["varint", of(TYPES.varint), -(2n ** 100n)],
    ["double", of(TYPES.double), 0.1],
    ["double that is none", of(TYPES.double), Number.NaN],
    ["float", of(TYPES.float), 1.5],
    ["boolean", of(TYPES.boolean), false],
    ["decimal", of(TYPES.decimal), "-12345678901234567890.10"],
    ["timestamp", of(TYPES.timestamp), new Date(-1)],
    ["timestamp from milliseconds", of(TYPES.timestamp), 1_764_000_000_123, new Date(1_764_000_000_123)],
    ["date", of(TYPES.date), "2026-02-28"],
    ["time", of(TYPES.time), "12:30:00.000000001"],
    ["uuid", of(TYPES.uuid), "6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
    ["inet", of(TYPES.inet), "10.0.0.255"],
    ["blob", of(TYPES.blob), new Uint8Array([0, 255])],
    ["empty blob", of(TYPES.blob), new Uint8Array()],
    ["list", list, [3, 1, 2]],
    ["set from a Set", of(TYPES.set, of(TYPES.text)), new Set(["a", "b"]), ["a", "b"]],
    ["list of blobs", of(TYPES.list, of(TYPES.blob)), [new Uint8Array([1])]],
    ["map", bigMap, new Map([[7, 2n ** 60n]])],
    ["map from an object", of(TYPES.map, [of(TYPES.text), of(TYPES.int)]), { a: 1 }, new Map([["a", 1]])],
    ["tuple", of(TYPES.tuple, [of(TYPES.int), of(TYPES.text)]), [1, null]],
    ["udt", udt, { a: 1, b: "x" }],
    ["udt with less", udt, { a: 1 }, { a: 1, b: null }],
  ])("%s comes back as it was, whatever the client is told about encoding", (_, type, value, back = value) => {
    for (const found of throughDriver(value, type)) expect(found).toEqual(back);
  });

  it.each<[string, CellType, unknown, RegExp]>([
    ["a fraction for int, which the driver would cut", of(TYPES.int), 1.5, /int takes a whole number.*not 1.5/],
    ["NaN for int", of(TYPES.int), Number.NaN, /not NaN/],
    ["text for int, which the driver would parse", of(TYPES.int), "7", /whole number or a bigint, not this string/],
    ["what int can not hold", of(TYPES.int), 2 ** 31, /-2147483648 to 2147483647/],
    ["what tinyint can not hold", of(TYPES.tinyint), 128, /-128 to 127/],
    ["a number above 2^53 for bigint, which is rounded", of(TYPES.bigint), 2 ** 53, /above 2\^53 a bigint/],
    ["what bigint can not hold", of(TYPES.bigint), 2n ** 63n, /to 9223372036854775807/],
    [
      "a word for boolean, which the driver takes for true",
      of(TYPES.boolean),
      "false",
      /true or false, not this string/,
    ],
    ["other than ASCII, which would be cut to a byte", of(TYPES.ascii), "é", /ASCII text/],
    ["half a character, which would be replaced", of(TYPES.text), "\ud800", /well-formed string/],
    ["a number for text", of(TYPES.text), 1, /not 1/],
    ["an invalid Date", of(TYPES.timestamp), new Date(Number.NaN), /not an invalid Date/],
    ["a fraction of a millisecond", of(TYPES.timestamp), 0.5, /whole milliseconds/],
    ["a Date for a day, which depends on the time zone", of(TYPES.date), new Date(0), /time zone/],
    ["a number for decimal", of(TYPES.decimal), 0.1, /as text/],
    ["more than a float holds", of(TYPES.float), 1e39, /single precision/],
    ["something like an address", of(TYPES.inet), "300.1.1.1", /IP address/],
    ["a bad UUID", of(TYPES.uuid), "x", /./],
    ["null in a list", list, [1, null], /can not hold null/],
    ["a bad value in a list", list, [1, "2"], /whole number/],
    ["an array for a map", bigMap, [], /Map or a plain object/],
    ["a field that the type has not", udt, { c: 1 }, /no field "c"/],
    ["a tuple of another length", of(TYPES.tuple, [of(TYPES.int)]), [1, 2], /array of 1 values/],
  ])("refuses %s", (_, type, value, message) => {
    expect(() => cellBytes(value, type)).toThrow(message);
  });

  it("every integer comes back exactly or is refused", () => {
    const codes = [TYPES.tinyint, TYPES.smallint, TYPES.int, TYPES.bigint];
    fc.assert(
      fc.property(fc.constantFrom(...codes), fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), (code, value) => {
        const limit = 2n ** ([7n, 15n, 31n, 63n][codes.indexOf(code)] as bigint);
        if (value < limit && value >= -limit)
          for (const found of throughDriver(value, of(code))) expect(BigInt(found as number)).toBe(value);
        else expect(() => cellBytes(value, of(code))).toThrow();
      }),
    );
  });

  it("every well-formed text comes back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        for (const found of throughDriver(text, of(TYPES.text))) expect(found).toBe(text);
      }),
    );
  });
});
