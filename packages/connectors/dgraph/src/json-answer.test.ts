import { WriteError } from "@millrace/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAnswer } from "./json-answer.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A whole number that may stand for another one: it comes as a bigint. */
function hasLongInt(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === "object" && value !== null && Object.values(value).some(hasLongInt);
}

describe("parseAnswer", () => {
  it("keeps every digit of an int, and leaves strings, fractions and small numbers as they are", () => {
    const text = `{"a":9223372036854775807,"b":-9007199254740993,"c":9007199254740991,"d":"9223372036854775807 \\"1","e":1234567890123456789.5,"f":1234567890123456e2}`;
    expect(parseAnswer(bytes(text))).toEqual({
      a: 9223372036854775807n,
      b: -9007199254740993n,
      c: 9007199254740991,
      d: '9223372036854775807 "1',
      e: 1234567890123456800,
      f: 123456789012345600,
    });
  });

  it("is JSON.parse for everything without long ints", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        fc.pre(!hasLongInt(value));
        const text = JSON.stringify({ value, long: "1234567890123456789" });
        expect(parseAnswer(bytes(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it("gives ints back among any strings", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ text: fc.string(), int: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) })), (rows) => {
        const text = `[${rows.map((row) => `{${JSON.stringify("text")}:${JSON.stringify(row.text)},"int":${row.int}}`)}]`;
        const wanted = rows.map(({ text: string, int }) => ({
          text: string,
          int: Number.isSafeInteger(Number(int)) && String(Number(int)) === String(int) ? Number(int) : int,
        }));
        expect(parseAnswer(bytes(text))).toEqual(wanted);
      }),
    );
  });

  it("says that broken text is broken, where dgraph-js makes it {}", () => {
    for (const broken of [bytes('{"a":'), Uint8Array.of(0x7b, 0xff, 0x7d)])
      expect(() => parseAnswer(broken)).toThrow(WriteError);
    expect(parseAnswer(new Uint8Array())).toEqual({});
  });
});
