import type { Origin } from "@millrace/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkedVersion, GrowingTime, positionVersion, timeVersion, watchedVersion } from "./write-version.js";

const at = (offset: Origin["offset"], index = "", firing?: number): Origin => ({
  source: "orders",
  partition: "0",
  offset,
  index,
  ...(firing === undefined ? {} : { firing }),
});

describe("the version of a position", () => {
  it("grows with the offset, whatever the indices below it", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 50n }), fc.nat(4_094), fc.nat(4_094), (offset, first, second) => {
        expect(positionVersion(at(offset, String(first)))).toBeLessThan(
          positionVersion(at(offset + 1n, String(second))),
        );
      }),
    );
  });

  it("grows with the path below one offset", () => {
    const paths = ["", "1", "2", "10", "4094"];
    const versions = paths.map((path) => positionVersion(at(7, path)));
    expect(versions).toEqual([...versions].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(versions).size).toBe(paths.length);
    const deep = ["0.1", "0.2", "1.0", "2.30"].map((path) => positionVersion(at("7", path)));
    expect(deep).toEqual([...deep].sort((a, b) => (a < b ? -1 : 1)));
  });

  it("grows with the firings of a window", () => {
    expect(positionVersion(at(7, "", 1))).toBeLessThan(positionVersion(at(7, "", 2)));
  });

  it("is refused where there is none, or no room", () => {
    expect(() => positionVersion(undefined)).toThrow(/needs values with an origin/);
    expect(() => positionVersion(at("00ab-cd"))).toThrow(/offsets that are numbers/);
    expect(() => positionVersion(at(1, "4095"))).toThrow(/no room for the 4096th value/);
    expect(() => positionVersion(at(1, "1.63"))).toThrow(/no room/);
  });
});

it("the version of a time is in microseconds", () => {
  expect(timeVersion(1_764_000_000_123, 5)).toBe(1_764_000_000_123_005n);
  expect(timeVersion(new Date(1))).toBe(1_000n);
  for (const [time, tie] of [
    [undefined, 0],
    [0.5, 0],
    [1, 1_000],
    [new Date(Number.NaN), 0],
  ] as const)
    expect(() => timeVersion(time, tie)).toThrow(/E?.*timeVersion/);
});

it("a version is a whole number of 64 bits", () => {
  expect(checkedVersion(-5)).toBe(-5n);
  expect(checkedVersion(2n ** 63n - 1n)).toBe(2n ** 63n - 1n);
  for (const bad of [1.5, 2 ** 53, Number.NaN, 2n ** 63n, -(2n ** 63n), "1" as unknown as number])
    expect(() => checkedVersion(bad)).toThrow(/version must be/);
});

it("the time of writes grows when the clock stands or goes back", () => {
  const clock = [10, 10, 9, 11, 11];
  const time = new GrowingTime(() => clock.shift() ?? 0);
  expect([1, 2, 3, 4, 5].map(() => time.next())).toEqual([10_000, 10_001, 10_002, 11_000, 11_001]);
});

it("of versions that are watched, the first that is no time in microseconds is told, once", () => {
  let told = 0;
  const context = { time: undefined, origin: undefined };
  const watched = watchedVersion(
    (value: number | bigint) => value,
    () => told++,
  );
  const now = Date.UTC(2025, 0, 1);
  expect(watched(timeVersion(now), context)).toBe(timeVersion(now));
  expect(told).toBe(0);
  expect([watched(now, context), watched(7n, context)]).toEqual([now, 7n]);
  expect(told).toBe(1);
});
