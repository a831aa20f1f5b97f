import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { expectInvariant } from "../../test/stage-invariance.js";
import { fold } from "./fold.js";

const add = (sum: number, n: number): number => sum + n;

describe("fold", () => {
  it("P07: emits the accumulator after every value, never the initial one", () => {
    const harness = new StageHarness(fold("", (text: string, n: number) => text + n, {}, false));
    expect(harness.send([1, 2]).send([3, 4, 5]).take()).toEqual(["1", "12", "123", "1234", "12345"]);
    expect(new StageHarness(fold(0, add, {}, false)).end().take()).toEqual([]);
  });

  it("has the time, key and id of the current value", () => {
    const harness = new StageHarness(fold(0, add, {}, true));
    harness.sendBatch(
      batchOf([1, 2].map((value) => ({ value, time: value * 10, key: "k", origin: originOf(value), mark: 50 }))),
    );
    expect(harness.log).toEqual(
      [1, 3].map((value, i) => ({ output: 0, value, time: (i + 1) * 10, key: "k", origin: originOf(i + 1), mark: 50 })),
    );
  });

  it("works by key on a keyed stream", () => {
    const harness = new StageHarness(fold(0, add, { name: "sum" }, true));
    harness.send([1, 2], { key: "a" }).send([10], { key: "b" }).send([3], { key: "a" });
    expect([harness.take(), harness.newKeys, harness.stage.read?.("a")]).toEqual([[1, 3, 10, 6], ["a", "b"], 6]);
  });

  it("keeps its accumulator where the function fails, and leaves the value out", () => {
    const picky = fold(
      0,
      (sum: number, n: number) => {
        if (n < 0) throw new Error("no");
        return sum + n;
      },
      {},
      false,
    );
    const harness = new StageHarness(picky, { onError: "skip" });
    harness.sendBatch(batchOf([1, -5, 2].map((value) => ({ value, time: value }))));
    expect(harness.log).toEqual([
      { output: 0, value: 1, time: 1 },
      { output: 0, value: 3, time: 2 },
    ]);
    expect(harness.send([-1]).batches).toHaveLength(1);
  });

  it("may hold undefined", () => {
    const harness = new StageHarness(
      fold<number | undefined, number>(undefined, (last) => (last === undefined ? 1 : undefined), { name: "f" }, false),
    );
    expect(harness.send([0, 0]).restart().send([0, 0]).take()).toEqual([1, undefined, 1, undefined]);
  });

  it("gives the same however the input is cut and the stage restored", () => {
    const values = fc.array(fc.record({ value: fc.integer({ min: 0, max: 9 }), key: fc.constantFrom("a", "b") }), {
      maxLength: 30,
      size: "max",
    });
    const picky = (sum: number, n: number): number => {
      if (n === 7) throw new Error("no");
      return sum * 2 + n;
    };
    expectInvariant(() => fold(0, picky, { name: "f" }, false), values);
    expectInvariant(() => fold(0, picky, { name: "f" }, true), values);
  });

  it("refuses state that can not be saved at once, as no value's fault, and holds anything without a name", () => {
    class Money {}
    const spec = (name?: string) =>
      fold<unknown, number>(0, () => new Money(), name === undefined ? {} : { name }, false);
    const harness = new StageHarness(spec("wallet"), { onError: "skip" });
    expect(() => harness.send([1])).toThrow(/E_STATE_CODEC: state of "wallet" holds an instance of Money/);
    expect(harness.errors).toEqual([]);
    expect(new StageHarness(spec()).send([1]).take()[0]).toBeInstanceOf(Money);
  });
});
