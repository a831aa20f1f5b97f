import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeKey, encodeKey, jsonCodec, keyText } from "./codec.js";

const codec = jsonCodec<unknown>("score");
const roundTrip = (state: unknown): unknown => codec.decode(codec.encode(state), codec.version);

const leaf = fc.oneof(
  fc.string(),
  fc.double(),
  fc.boolean(),
  fc.constantFrom<unknown>(null, undefined, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
);
const key = fc.oneof(fc.string(), fc.constantFrom("$", "$$", "$v", "__proto__", "constructor", "toJSON", "length"));
const { state } = fc.letrec((tie) => ({
  state: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie("state"), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie("state")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(tie("state"), tie("state")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie("state"), { maxLength: 3 }).map((values) => new Set(values)),
  ),
}));

describe("jsonCodec", () => {
  it("gives back what it was given, whatever it may hold", () => {
    fc.assert(
      fc.property(state, (given) => {
        expect(isDeepStrictEqual(roundTrip(given), given)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("says plain data as JSON does, and so stays readable", () => {
    const plain = { n: 1, text: "ä", list: [1, null, true], inner: {} };
    expect(Buffer.from(codec.encode(plain)).toString()).toBe(JSON.stringify(plain));
    expect(Buffer.from(codec.encode({ at: new Date(5), $x: 1 })).toString()).toBe(
      '{"at":{"$":"date","v":"5"},"$$x":1}',
    );
  });

  it("keeps an object without prototype plain, a Buffer as bytes, and holes as undefined", () => {
    expect(roundTrip(Object.assign(Object.create(null), { n: 1 }))).toEqual({ n: 1 });
    expect(roundTrip(Buffer.from([1, 2]))).toEqual(Uint8Array.of(1, 2));
    expect(roundTrip(new Date(Number.NaN))).toEqual(new Date(Number.NaN));
    // biome-ignore lint/suspicious/noSparseArray: what becomes of a hole is what is tested
    expect(roundTrip([1, , 2])).toEqual([1, undefined, 2]);
    const view = new Uint16Array(Uint16Array.of(1, 2, 3).buffer, 2, 1);
    expect(roundTrip(view)).toEqual(Uint16Array.of(2));
  });

  it("refuses what would come back as something else, saying where it is", () => {
    class Score {}
    const refused =
      (given: unknown): (() => unknown) =>
      () =>
        codec.encode(given);
    expect(refused(new Score())).toThrow(
      'E_STATE_CODEC: state of "score" holds an instance of Score, which can not be saved',
    );
    expect(refused({ a: [1, { b: () => 1 }] })).toThrow('state of "score" holds a function at a[1].b,');
    expect(refused({ s: Symbol("x") })).toThrow("holds a symbol at s,");
    expect(refused(new Map([["k", new Score()]]))).toThrow("holds an instance of Score at get(…),");
    expect(refused({ v: new DataView(new ArrayBuffer(1)) })).toThrow("holds a DataView at v,");
    expect(refused(Object.create({ inherited: 1 }))).toThrow("holds an instance of Object");
    expect(refused({ e: new Error("x") })).toThrow("holds an instance of Error at e,");
  });

  it("refuses bytes that are no state", () => {
    expect(() => codec.decode(Buffer.from("{"), 1)).toThrow(
      /E_STATE_CODEC: the saved state of "score" can not be read/,
    );
    expect(() => codec.decode(Uint8Array.of(0xff), 1)).toThrow(/E_STATE_CODEC/);
    expect(() => codec.decode(Buffer.from('{"$":"moon"}'), 1)).toThrow(
      /E_STATE_CODEC: saved state has the unknown tag "moon"/,
    );
  });
});

describe("keys", () => {
  it("become bytes that say their type, and come back", () => {
    const keys = fc.oneof(fc.string(), fc.double(), fc.bigInt(), fc.boolean());
    fc.assert(
      fc.property(keys, keys, (one, other) => {
        expect(decodeKey(encodeKey(one))).toEqual(Object.is(one, -0) ? 0 : one);
        const same = one === other || (Number.isNaN(one) && Number.isNaN(other));
        expect(keyText(one) === keyText(other)).toBe(same);
      }),
    );
    expect([1, "1", 1n, true, -0].map(keyText)).toEqual(["n:1", "s:1", "i:1", "b:true", "n:0"]);
    expect(() => decodeKey(Buffer.from("x:1"))).toThrow(/E_STATE_CODEC: a saved key is not one/);
  });
});
