import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, type Out, originOf, StageHarness } from "../../test/stage-harness.js";
import { countWindow } from "./count.js";
import { type WindowContent, window } from "./window-operator.js";

type Content = WindowContent<number, unknown>;
const collect: Content = { kind: "collect" };
const folded: Content = { kind: "fold", initial: () => [], fn: (list, value) => [...(list as number[]), value] };
const merged = { ...folded, merge: (left: number[], right: number[]) => [...left, ...right] } as unknown as Content;

describe("count windows", () => {
  const values = fc.array(fc.record({ key: fc.constantFrom("a", "b"), time: fc.integer({ min: 0, max: 50 }) }), {
    maxLength: 60,
  });
  const sizes = fc.record({ size: fc.integer({ min: 1, max: 9 }), step: fc.integer({ min: 1, max: 12 }) });
  const cuts = fc.array(fc.record({ count: fc.integer({ min: 1, max: 9 }), restart: fc.boolean() }), {
    minLength: 1,
    maxLength: 8,
  });

  it("give the last `size` values of a key after every `step`, however they are cut, wherever the run is restarted", () => {
    fc.assert(
      fc.property(
        values,
        sizes,
        cuts,
        fc.constantFrom(collect, folded, merged),
        fc.boolean(),
        (input, { size, step }, turns, content, keyed) => {
          const h = new StageHarness(window("w", countWindow(size, { step }), {}, content, keyed));
          for (let from = 0, turn = 0; from < input.length; turn++) {
            const { count, restart } = turns[turn % turns.length] as { count: number; restart: boolean };
            h.sendBatch(
              batchOf(
                input
                  .slice(from, from + count)
                  .map((value, i) => ({ value: from + i, ...value, origin: originOf(from + i) })),
              ),
            );
            from += count;
            if (restart) h.restart();
          }
          h.end();
          const expected: unknown[] = [];
          const seen: Record<string, number[]> = {};
          for (const [id, { key }] of input.entries()) {
            const of = keyed ? key : "";
            const list = [...(seen[of] ?? []), id];
            seen[of] = list;
            if (list.length % step !== 0) continue;
            const last = list.slice(-size);
            const time = Math.max(...last.map((i) => input[i]?.time as number));
            expected.push({
              key: keyed ? key : undefined,
              window: { start: Math.max(0, list.length - size), end: list.length },
              value: last,
              timing: "onTime",
              firing: 0,
              time,
            });
          }
          expect((h.drain() as Out[]).map(({ value, time }) => ({ ...(value as object), time }))).toEqual(expected);
        },
      ),
      { numRuns: 400 },
    );
  });

  it("have ids by key and number, and none un-keyed; no time where values have none", () => {
    const keyed = new StageHarness(window("w", countWindow(2), {}, collect, true));
    keyed.send([1, 2, 3, 4], { key: "a" });
    expect(keyed.drain()).toMatchObject([
      { origin: { source: "window-1", partition: "s:a", offset: "0-2", index: "" } },
      { origin: { offset: "2-4" } },
    ]);
    const all = new StageHarness(window("w", countWindow(2), {}, collect, false));
    all.send([1, 2], { key: "a", origin: originOf(1) });
    const [out] = all.drain() as Out[];
    expect(out).toEqual({
      output: 0,
      value: { key: undefined, window: { start: 0, end: 2 }, value: [1, 2], timing: "onTime", firing: 0 },
    });
  });

  it("do not count a value whose function fails", () => {
    const content: Content = {
      kind: "fold",
      initial: () => 0,
      fn: (sum, value) => {
        if (value === 0) throw new Error("zero");
        return (sum as number) + value;
      },
    };
    const h = new StageHarness(window("w", countWindow(2), {}, content, true), { onError: "skip" });
    h.send([0, 1, 0, 2, 0], { key: "a" });
    expect(h.take()).toMatchObject([{ value: 3 }]);
  });
});
