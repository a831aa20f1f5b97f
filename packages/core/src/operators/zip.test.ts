import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { MAX_BATCH } from "../stage.js";
import { zip, zipWith } from "./zip.js";

/** Sends all, then ends each input, as the runtime does. */
function run(harness: StageHarness, inputs: readonly (readonly unknown[])[]): unknown[] {
  inputs.forEach((values, input) => {
    if (values.length > 0) harness.send(values, {}, input);
    harness.stage.onInputEnd?.(input, harness.emit);
  });
  if (!harness.ended) harness.end();
  return harness.take();
}

const text = (...values: unknown[]): string => values.join(" ");
const filled = (inputs: number) => zipWith(inputs, text, { fill: Array<number>(inputs).fill(0) });

describe("zipWith", () => {
  it("P15: needs another stream, and one fill for each input", () => {
    expect(() => zipWith(1, text, {})).toThrow(/E_ARGUMENT: zip needs at least one other stream; it has 0/);
    expect(() => zipWith(2, text, { fill: [0] })).toThrow(
      /E_ARGUMENT: zipWith\(\): fill must have one value for each of the 2 inputs; it has 1/,
    );
  });

  it("P17-P21: pairs values in order, and fills up to the longest input", () => {
    expect(run(new StageHarness(filled(2)), [[], []])).toEqual([]);
    expect(
      run(new StageHarness(filled(3)), [
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3],
      ]),
    ).toEqual(["1 1 1", "2 2 2", "3 3 3"]);
    expect(run(new StageHarness(filled(2)), [[1, 2, 3], [1]])).toEqual(["1 1", "2 0", "3 0"]);
    expect(
      run(new StageHarness(filled(2)), [
        [1, 2],
        [1, 2, 3, 4, 5],
      ]),
    ).toEqual(["1 1", "2 2", "0 3", "0 4", "0 5"]);
    expect(
      run(new StageHarness(filled(3)), [
        [1, 2],
        [1, 2, 3, 4, 5],
        [1, 2, 3],
      ]),
    ).toEqual(["1 1 1", "2 2 2", "0 3 3", "0 4 0", "0 5 0"]);
  });

  it("fills up at the end where nobody said that one input ended before", () => {
    const harness = new StageHarness(filled(2));
    harness.send([1, 2], {}, 0).end();
    expect(harness.take()).toEqual(["1 0", "2 0"]);
  });

  it("without fill ends with the shortest input, as soon as that is used up", () => {
    const harness = new StageHarness(zipWith(2, text, {}));
    harness.send([1, 2], {}, 0);
    harness.stage.onInputEnd?.(0, harness.emit);
    expect(harness.ended).toBe(false);
    harness.send(["a"], {}, 1);
    expect(harness.ended).toBe(false);
    harness.send(["b", "c"], {}, 1);
    expect([harness.ended, harness.take()]).toEqual([true, ["1 a", "2 b"]]);
    const empty = new StageHarness(zipWith(2, text, {}));
    empty.stage.onInputEnd?.(1, empty.emit);
    expect(empty.ended).toBe(true);
  });

  it("has the largest time of its values with that value's mark, and no id", () => {
    const harness = new StageHarness(zipWith(2, text, {}));
    harness.sendBatch(
      batchOf([5, 9].map((time) => ({ value: time, time, key: "k", origin: originOf(time), mark: time + 1 }))),
      0,
    );
    harness.sendBatch(batchOf([7, 8].map((time) => ({ value: time, time, mark: Number.NaN }))), 1);
    expect(harness.log).toEqual([
      { output: 0, value: "5 7", time: 7, mark: Number.NaN },
      { output: 0, value: "9 8", time: 9, mark: 10 },
    ]);
    const untimed = new StageHarness(zipWith(2, text, {}));
    untimed.send([1], { time: 4 }, 0).send([2], {}, 1);
    expect(untimed.log).toEqual([{ output: 0, value: "1 2", time: 4 }]);
  });

  it("leaves out a row that fails", () => {
    const picky = zipWith(2, (...row: unknown[]) => (row[0] === 2 ? fail() : text(...row)), {});
    const fail = (): never => {
      throw new Error("no");
    };
    const harness = new StageHarness(picky, { onError: "skip" });
    harness.send([1, 2, 3], {}, 0).send(["a", "b", "c"], {}, 1);
    expect([harness.take(), harness.errors.map(({ value }) => value)]).toEqual([["1 a", "3 c"], [[2, "b"]]]);
    expect(harness.send([2], {}, 0).send(["x"], {}, 1).take()).toEqual([]);
  });

  it("pairs the same however the inputs are cut, mixed and restored", () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 4 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25, size: "max" }), (steps) => {
        const harness = new StageHarness(zipWith(3, text, { name: "z" }));
        const sent: number[][] = [[], [], []];
        for (const [input, count, restart] of steps) {
          const lane = sent[input] as number[];
          const values = Array.from({ length: count }, (_, i) => lane.length + i);
          lane.push(...values);
          harness.send(values, { time: values[0] as number }, input);
          if (restart) harness.restart();
        }
        const rows = Math.min(...sent.map(({ length }) => length));
        expect(harness.take()).toEqual(Array.from({ length: rows }, (_, i) => `${i} ${i} ${i}`));
        expect(harness.stage.held?.()).toBe(sent.reduce((sum, { length }) => sum + length, 0) - 3 * rows);
        expect(harness.checkpoint().stored).toBe(sent.filter(({ length }) => length > rows).length);
      }),
    );
  });

  it("takes no more from an input that is far ahead, and wakes the chain when it may go on", () => {
    const harness = new StageHarness(zipWith(2, text, {}));
    harness.send(
      Array.from({ length: MAX_BATCH }, (_, i) => i),
      {},
      0,
    );
    expect([harness.stage.full?.(0), harness.stage.full?.(1), harness.stage.waiting?.()]).toEqual([
      true,
      false,
      `${MAX_BATCH} values of input 0 wait for input 1`,
    ]);
    const { wakes } = harness;
    harness.send(["a"], {}, 1);
    expect([harness.stage.full?.(0), harness.wakes > wakes, harness.stage.read?.("")]).toEqual([
      false,
      true,
      [MAX_BATCH - 1, 0],
    ]);
    expect(new StageHarness(zip(2)).stage.waiting?.()).toBeUndefined();
  });

  it("emits in slices of at most MAX_BATCH, until nobody wants more", () => {
    const many = Array.from({ length: MAX_BATCH }, (_, i) => i);
    const harness = new StageHarness(zip(2));
    harness.send(many, {}, 0).send([0], {}, 0).send(many, {}, 1);
    harness.closedBelow = true;
    harness
      .send(many, {}, 0)
      .send(many, {}, 0)
      .send([...many, ...many], {}, 1);
    expect(harness.batches.map(({ batch }) => batch.values.length)).toEqual([MAX_BATCH, MAX_BATCH]);
  });
});

describe("zip", () => {
  it("makes rows, and has no name to save them under", () => {
    const spec = zip(2);
    const harness = new StageHarness(spec);
    expect(harness.send([1, 2], {}, 0).send(["a"], {}, 1).take()).toEqual([[1, "a"]]);
    expect([spec.kind, spec.name, spec.holdsState]).toEqual(["zip", undefined, true]);
  });
});
