import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectedOf, hostilePoint } from "../test/hostile-points.js";
import { parseLine } from "../test/line-parser.js";
import { encodePoint, type FieldValue, type Point, subMillisecond } from "./line-protocol.js";

const point = (change: Partial<Point>): Point => ({ measurement: "m", fields: { v: 1 }, time: 0, ...change });

describe("encodePoint", () => {
  it("is read back as it was, whatever is in it", () => {
    fc.assert(
      fc.property(hostilePoint, (made) => {
        const { measurement, tags, fields, time } = parseLine(encodePoint(made));
        const read = Object.fromEntries(Object.entries(fields).map(([n, v]) => [n, Object.is(v, -0) ? 0 : v]));
        expect({ measurement, tags, fields: read, time }).toEqual(expectedOf(made));
      }),
      {
        numRuns: 1_000,
        examples: [[point({ tags: { ["__proto__"]: "a" }, fields: { ["__proto__"]: false }, time: 0n })]],
      },
    );
  });

  it("writes tags, fields of each type, and milliseconds as nanoseconds", () => {
    const made = point({
      tags: { a: "1", b: "2", none: undefined, empty: "" },
      fields: { f: 1.5, i: 7n, t: true, s: 'a "b" \\', u: undefined },
    });
    expect(encodePoint(made)).toBe('m,a=1,b=2 f=1.5,i=7i,t=true,s="a \\"b\\" \\\\" 0');
    expect(encodePoint(point({ time: 1_700_000_000_123.9 }), 42)).toBe("m v=1 1700000000123000042");
    expect(encodePoint(point({ time: -1 }))).toBe("m v=1 -1000000");
    expect(encodePoint(point({ time: 17n }), 42)).toBe("m v=1 17");
  });

  it("makes fit what names and tags can not have", () => {
    expect(encodePoint(point({ measurement: "a\nb\\", tags: { "t\t": "c:\\\\", "u\0": "\r\n", d: "\\e\\ " } }))).toBe(
      "a\\ b_,t\\ =c:__,u\\ =\\ \\ ,d=\\e_\\  v=1 0",
    );
  });

  it("refuses what InfluxDB refuses, or would drop without a word", () => {
    const never: Partial<Point>[] = [
      { fields: {} },
      { fields: { v: undefined } },
      { fields: { "": 1 } },
      { fields: { time: 1, v: 2 } },
      { fields: { v: Number.NaN } },
      { fields: { v: Number.NEGATIVE_INFINITY } },
      { fields: { v: 2n ** 63n } },
      { fields: { v: -(2n ** 63n) - 1n } },
      { fields: { v: null as unknown as FieldValue } },
      { fields: { v: new Date() as unknown as FieldValue } },
      { measurement: "" },
      { measurement: "#m" },
      { tags: { "": "x" } },
      { tags: { time: "x" } },
      { tags: { _field: "x" } },
      { tags: { _measurement: "x" } },
      { time: Number.NaN },
      { time: Number.POSITIVE_INFINITY },
      { time: 9_300_000_000_000 },
      { time: -(2n ** 63n) },
    ];
    for (const change of never)
      expect(() => encodePoint(point(change)), Object.keys(change).join()).toThrow(
        expect.objectContaining({ class: "poison", code: "E_INFLUX_POINT" }),
      );
  });
});

describe("subMillisecond", () => {
  it("is a nanosecond within the millisecond, the same each time", () => {
    fc.assert(
      fc.property(fc.string(), fc.bigInt(0n, 2n ** 63n), (id, sequence) => {
        const ns = subMillisecond(id, sequence);
        expect(Number.isInteger(ns) && ns >= 0 && ns < 1_000_000).toBe(true);
        expect(subMillisecond(id, sequence)).toBe(ns);
      }),
    );
  });

  it("keeps a million offsets of a partition apart", () => {
    const seen = new Uint8Array(1_000_000);
    for (let i = 0; i < 1_000_000; i++) seen[subMillisecond("orders/2", 999_000_000 + i)] = 1;
    expect(seen.every((each) => each === 1)).toBe(true);
  });

  it("spreads ids that hardly differ", () => {
    const ids = Array.from({ length: 2_000 }, (_, i) => subMillisecond(`orders/0/${i}`));
    // By chance about two pairs meet.
    expect(new Set(ids).size).toBeGreaterThan(1_985);
  });
});
