import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KINDS, outputs, pair, sides, unique } from "../../test/join-outputs.js";
import { InputRun, type PartitionedInput, steps, type Timed } from "../../test/partitioned-input.js";
import { batchOf, originOf, StageHarness } from "../../test/stage-harness.js";
import { MAIN } from "../stage.js";
import { countWindow } from "./count.js";
import { join } from "./join.js";
import { session } from "./session.js";
import { sliding } from "./sliding.js";
import { tumbling } from "./tumbling.js";

describe("window join", () => {
  const spec = fc.oneof(
    fc.integer({ min: 1, max: 15 }).map((size) => ({ size, slide: size, spec: tumbling({ size }) })),
    fc
      .record({ size: fc.integer({ min: 1, max: 15 }), slide: fc.integer({ min: 1, max: 15 }) })
      .map((sizes) => ({ ...sizes, spec: sliding(sizes) })),
  );

  /** Both sides of each window of a key. */
  function oracle(
    input: PartitionedInput,
    size: number,
    slide: number,
    lateness: number,
  ): Record<string, [number[], number[]]> {
    const windows: Record<string, [number[], number[]]> = {};
    for (const { key, time, before, id, side } of input.partitions.flat()) {
      for (let start = Math.floor(time / slide) * slide; start > time - size; start -= slide) {
        if (before >= start + size - 1 + lateness) continue;
        const name = `${key} ${start} ${start + size}`;
        const held = windows[name] ?? [[], []];
        windows[name] = held;
        held[side].push(id);
      }
    }
    return windows;
  }

  it("pairs what is in the same window, however it is cut, interleaved, lost and replayed", () => {
    fc.assert(
      fc.property(
        sides,
        steps(),
        spec,
        fc.constantFrom(...KINDS),
        (input, plan, { size, slide, spec: windows }, kind) => {
          const run = new InputRun(
            join(
              kind,
              "j",
              windows,
              (l, r, { key, window }) => `${key} ${window?.start} ${window?.end}: ${pair(l, r)}`,
            ),
            input,
            plan,
          );
          const expected = Object.entries(oracle(input, size, slide, 0)).flatMap(([name, [lefts, rights]]) => {
            const pairs = lefts.flatMap((l) => rights.map((r) => `${l} ${r}`));
            if (kind !== "inner" && rights.length === 0) pairs.push(...lefts.map((l) => `${l} -`));
            if (kind === "outer" && lefts.length === 0) pairs.push(...rights.map((r) => `- ${r}`));
            return pairs.map((text) => `${name}: ${text}`);
          });
          expect(unique(outputs(run.outs).map(({ value }) => value))).toEqual(unique(expected));
        },
      ),
      { numRuns: 400 },
    );
  });

  it("co-groups both sides of a window, again for a late but allowed value", () => {
    fc.assert(
      fc.property(
        sides,
        steps(),
        spec,
        fc.integer({ min: 0, max: 10 }),
        (input, plan, { size, slide, spec: windows }, allowedLateness) => {
          const ids = (list: unknown): number[] =>
            (list as Timed[]).map(({ id }) => id).sort((left, right) => left - right);
          const operator = join(
            "coGroup",
            "j",
            windows,
            (l, r, { key, window }) => [`${key} ${window?.start} ${window?.end}`, [ids(l), ids(r)]],
            { allowedLateness },
          );
          const last = Object.fromEntries(
            outputs(new InputRun(operator, input, plan).outs).map(({ value }) => value as [string, unknown]),
          );
          expect(last).toEqual(oracle(input, size, slide, allowedLateness));
        },
      ),
      { numRuns: 400 },
    );
  });

  it("pairs sessions over both sides, in the order of time, with ids of both", () => {
    const h = new StageHarness(join("inner", "j", session({ gap: 5 }), (l, r) => `${l}${r}`));
    h.sendBatch(
      batchOf([
        { value: "b", key: "k", time: 4, origin: originOf(1) },
        { value: "a", key: "k", time: 0, origin: originOf(2) },
      ]),
    );
    h.sendBatch(batchOf([{ value: "1", key: "k", time: 9, origin: originOf(3, "1") }]), 1);
    h.watermark(13);
    expect(h.drain()).toEqual([
      {
        output: MAIN,
        value: "a1",
        time: 13,
        key: "k",
        origin: { source: "join-1", partition: "s:k", offset: "s/0/2+s/1/3", index: "" },
      },
      {
        output: MAIN,
        value: "b1",
        time: 13,
        key: "k",
        origin: { source: "join-1", partition: "s:k", offset: "s/0/1+s/1/3", index: "" },
      },
    ]);
  });

  it("sends a pair its function fails on to the error policy, and goes on with the others", () => {
    const h = new StageHarness(
      join("inner", "j", tumbling({ size: 10 }), (l, r) => {
        if (r === 2) throw new Error("two");
        return [l, r];
      }),
      { onError: "skip" },
    );
    h.send(["a"], { key: "k", time: 1 });
    h.send([1, 2, 3], { key: "k", time: 1 }, 1);
    h.watermark(9);
    expect(h.take()).toEqual([
      ["a", 1],
      ["a", 3],
    ]);
    expect(h.errors.map(({ value }) => value)).toEqual([{ left: "a", right: 2 }]);
  });

  it("ends the run above maxKeep, also where values only become too many when sessions join", () => {
    for (const windows of [tumbling({ size: 10 }), sliding({ size: 10, slide: 5 }), session({ gap: 5 })]) {
      const h = new StageHarness(join("coGroup", "j", windows, pair, { maxKeep: 2 }), { onError: "skip" });
      h.send([1, 2], { key: "a", time: 1 });
      h.send([1, 2], { key: "a", time: 1 }, 1);
      expect(() => h.send([3], { key: "a", time: 1 })).toThrow(/E_STATE_LIMIT/);
    }
    const joined = new StageHarness(join("coGroup", "j", session({ gap: 5 }), pair, { maxKeep: 4 }));
    joined.send([1, 2], { key: "a", time: 1 });
    joined.send([1, 2], { key: "a", time: 8 });
    expect(() => joined.send([1], { key: "a", time: 5 })).toThrow(/E_STATE_LIMIT/);
  });

  it("is told to the planner as what it is, and refuses count windows", () => {
    expect(join("left", "j", tumbling({ size: 1 }), pair)).toMatchObject({
      kind: "leftJoin",
      name: "j",
      holdsState: true,
      eventTime: "needs",
      aggregates: true,
      refires: false,
      origins: "derive",
    });
    expect(join("coGroup", "j", tumbling({ size: 1 }), pair, { allowedLateness: 1 })).toMatchObject({
      kind: "coGroup",
      refires: true,
    });
    expect(() => join("inner", "j", countWindow(2), pair)).toThrow(/E_ARGUMENT.*windows of time/);
  });
});
