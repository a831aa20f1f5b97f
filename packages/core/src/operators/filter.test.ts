import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { filter } from "./filter.js";

const odd = (n: number): boolean => n % 2 === 1;

describe("filter", () => {
  it("P03: keeps what the predicate holds for, the values themselves", () => {
    expect(new StageHarness(filter(odd)).send([1, 2, 3, 4, 5]).take()).toEqual([1, 3, 5]);
    const refs = [{ n: 1 }, { n: 2 }, { n: 3 }];
    const kept = new StageHarness(filter(({ n }: { n: number }) => odd(n))).send(refs).take();
    expect([kept.length, kept[0] === refs[0], kept[1] === refs[2]]).toEqual([2, true, true]);
  });

  it("keeps the columns of what stays", () => {
    const harness = new StageHarness(filter(odd));
    harness.sendBatch(
      batchOf(
        [1, 2, 3].map((value) => ({
          value,
          time: value * 10,
          key: `k${value}`,
          origin: originOf(value),
          mark: value + 100,
        })),
        "p",
      ),
    );
    expect(harness.log).toEqual(
      [1, 3].map((n) => ({
        output: 0,
        value: n,
        time: n * 10,
        key: `k${n}`,
        origin: originOf(n),
        mark: n + 100,
        partition: "p",
      })),
    );
  });

  it("passes a batch on as it is where all stay, and emits nothing where none does", () => {
    const harness = new StageHarness(filter(odd));
    for (const batch of [
      batchOf([{ value: 1 }, { value: 3 }], "p"),
      batchOf([
        { value: 1, time: 1 },
        { value: 3, time: 2 },
      ]),
    ]) {
      harness.sendBatch(batch);
      expect(harness.batches.at(-1)?.batch).toBe(batch);
    }
    harness.send([2, 4]).send([2, 4], { time: 1 });
    expect(harness.batches).toHaveLength(2);
  });

  it("leaves out a value that fails, with columns and without", () => {
    const picky = filter((n: number) => {
      if (n === 2) throw new Error("no");
      return n < 4;
    });
    for (const beside of [{}, { time: 5 }]) {
      const harness = new StageHarness(picky, { onError: "skip" });
      expect(harness.send([1, 2, 3, 4, 2], beside).take()).toEqual([1, 3]);
      expect(harness.errors).toHaveLength(2);
    }
  });
});
