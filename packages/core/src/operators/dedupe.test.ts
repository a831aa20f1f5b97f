import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { expectInvariant } from "../../test/stage-invariance.js";
import type { Key } from "../element.js";
import { dedupe } from "./dedupe.js";

interface Event {
  readonly id: Key;
}

const spec = (within = 10) => dedupe<Event>("d", { by: ({ id }) => id, within });
const send = (harness: StageHarness, id: Key, time: number, key: Key = "k", mark = Number.NaN): boolean => {
  harness.send([{ id }], { key, time, mark });
  return harness.take().length === 1;
};

describe("dedupe", () => {
  it("keeps the first of the same id and key, with its columns", () => {
    const harness = new StageHarness(spec());
    const sent = [1, 1, 2, 1].map((id, i) => ({
      value: { id },
      key: i === 3 ? "other" : "k",
      time: i,
      origin: originOf(i),
      mark: Number.NaN,
    }));
    harness.sendBatch(batchOf(sent, "p"));
    expect(harness.log).toEqual([0, 2, 3].map((i) => ({ output: 0, partition: "p", ...sent[i] })));
    expect(harness.newKeys).toEqual(["k", "k", "other"]);
  });

  it("tells keys and ids apart by type, and never mixes the two", () => {
    const harness = new StageHarness(spec());
    const pairs: [Key, Key][] = [
      ["1", 1],
      [1, "1"],
      ["a", "bc"],
      ["ab", "c"],
      ["2:s:a", "x"],
      ["", "2:s:ax"],
      [1n, true],
    ];
    expect(pairs.map(([key, id]) => send(harness, id, 0, key))).toEqual(pairs.map(() => true));
    expect(pairs.map(([key, id]) => send(harness, id, 0, key))).toEqual(pairs.map(() => false));
  });

  it("drops up to `within` after the kept value, which a dropped one does not prolong", () => {
    const harness = new StageHarness(spec(10));
    expect([100, 105, 109, 110, 115, 119, 120].map((time) => send(harness, "x", time))).toEqual([
      true,
      false,
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  it("drops the same value again after it was dropped behind the watermark", () => {
    const harness = new StageHarness(spec(10));
    expect(send(harness, "x", 50, "k", 200)).toBe(true);
    expect(send(harness, "x", 50, "k", 200)).toBe(false);
    expect(send(harness, "x", 50, "k", 210)).toBe(true);
  });

  it("does not forget over a restart, nor when an epoch was abandoned, nor remembers what a crash undid", () => {
    const harness = new StageHarness(spec());
    send(harness, "a", 1);
    harness.checkpoint(false);
    send(harness, "b", 2);
    harness.restart();
    expect([send(harness, "a", 3), send(harness, "b", 3)]).toEqual([false, false]);
    expect(send(harness, "c", 4)).toBe(true);
    harness.crash();
    expect(send(harness, "c", 4)).toBe(true);
  });

  it("frees what the watermark has passed, in the store too", () => {
    const harness = new StageHarness(spec());
    send(harness, "a", 100);
    expect(harness.checkpoint().stored).toBe(1);
    expect(harness.watermark(109).checkpoint().stored).toBe(1);
    expect(harness.watermark(110).checkpoint().stored).toBe(0);
  });

  it("does not depend on when the sweep ran: what is kept is the same as without one", () => {
    const value = fc.record({ id: fc.constantFrom("x", "y"), ahead: fc.integer({ min: -20, max: 15 }) });
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 40, size: "max" }),
        fc.infiniteStream(fc.boolean()),
        (values, sweeps) => {
          const swept = new StageHarness(spec());
          const unswept = new StageHarness(spec());
          let watermark = 0;
          for (const { id, ahead } of values) {
            const time = watermark + ahead;
            const mark = time <= watermark + 1 ? watermark : Number.NaN;
            expect(send(swept, id, time, "k", mark)).toBe(send(unswept, id, time, "k", mark));
            watermark = Math.max(watermark, time - 3);
            if (sweeps.next().value) swept.watermark(watermark);
          }
        },
      ),
    );
  });

  it("gives the same however the input is cut and the stage restored", () => {
    const value = fc.record({
      value: fc.record({ id: fc.constantFrom(1, 2, 3) }),
      key: fc.constantFrom("a", "b"),
      time: fc.integer({ min: 0, max: 60 }),
    });
    expectInvariant(() => spec(), fc.array(value, { maxLength: 40, size: "max" }));
  });

  it("fails a value whose id is none", () => {
    const harness = new StageHarness(spec(), { onError: "skip" });
    harness.send([{ id: undefined }, null, { id: 1 }], { key: "k", time: 1 });
    expect([harness.take(), harness.errors.length]).toEqual([[{ id: 1 }], 2]);
  });

  it("needs event time, and refuses options that are none", () => {
    expect(spec().eventTime).toBe("needs");
    expect(() => dedupe("d", {} as never)).toThrow(/E_ARGUMENT: dedupe "d" needs the function by/);
    expect(() => spec(0)).toThrow(/E_DURATION: dedupe "d": within must be more than zero/);
  });
});
