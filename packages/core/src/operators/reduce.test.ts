import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StageHarness } from "../../test/stage-harness.js";
import { expectInvariant } from "../../test/stage-invariance.js";
import { reduce } from "./reduce.js";

const add = (sum: number, n: number): number => sum + n;

describe("reduce", () => {
  it("P08: emits the first value as it is, then the accumulator after every value", () => {
    expect(new StageHarness(reduce(add, {}, false)).send([1, 2]).send([3, 4, 5]).take()).toEqual([1, 3, 6, 10, 15]);
  });

  it("is not begun again by a null or undefined accumulator", () => {
    const seen: unknown[] = [];
    const harness = new StageHarness(
      reduce<unknown>(
        (last, value) => {
          seen.push(last);
          return value;
        },
        { name: "r" },
        false,
      ),
    );
    harness.send([undefined, null]).restart().send([1]);
    expect([seen, harness.take()]).toEqual([
      [undefined, null],
      [undefined, null, 1],
    ]);
  });

  it("works by key, the same however the input is cut and the stage restored", () => {
    expect(new StageHarness(reduce(add, {}, true)).send([1, 2], { key: "a" }).send([5], { key: "b" }).take()).toEqual([
      1, 3, 5,
    ]);
    const values = fc.array(fc.record({ value: fc.integer(), key: fc.constantFrom("a", "b", 1) }), {
      maxLength: 30,
      size: "max",
    });
    expectInvariant(() => reduce(add, { name: "r" }, true), values);
    expectInvariant(() => reduce(add, { name: "r" }, false), values);
  });
});
