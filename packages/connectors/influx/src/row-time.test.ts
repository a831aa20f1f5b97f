import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareTimes, nanosecondsOf, RowTimes } from "./row-time.js";

const MIN = -(2n ** 63n) + 2n;
const MAX = 2n ** 63n - 2n;
const NS_PER_SECOND = 1_000_000_000n;

/** As influxd writes a time: no zeros at the end of its decimals. */
function textOf(ns: bigint): string {
  const within = ((ns % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const second = new Date(Number((ns - within) / 1_000_000n)).toISOString().slice(0, 19);
  const decimals = String(within).padStart(9, "0").replace(/0+$/, "");
  return decimals === "" ? `${second}Z` : `${second}.${decimals}Z`;
}

describe("RowTimes", () => {
  it("reads every time there is, and orders them", () => {
    const time = fc.oneof(fc.bigInt(MIN, MAX), fc.bigInt(0n, 3n * NS_PER_SECOND), fc.constantFrom(MIN, MAX, 0n, -1n));
    fc.assert(
      fc.property(fc.array(time, { maxLength: 6 }), (times) => {
        const reader = new RowTimes();
        const read = times.map((ns) => reader.read(textOf(ns)));
        expect(read.map(nanosecondsOf)).toEqual(times);
        const sorted = [...read].sort(compareTimes).map(nanosecondsOf);
        expect(sorted).toEqual([...times].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0)));
      }),
    );
  });

  it("refuses what is no time, each time", () => {
    const reader = new RowTimes();
    for (const text of [
      undefined,
      null,
      "",
      "x",
      "2020-01-01T00:00:00",
      "2020-01-01T00:00:00.1234567890Z",
      "Z",
      5,
      "Z",
    ])
      expect(() => reader.read(text), String(text)).toThrow(expect.objectContaining({ code: "E_INFLUX_QUERY" }));
  });
});
