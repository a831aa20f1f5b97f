import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StageHarness } from "../../test/stage-harness.js";
import { expectInvariant } from "../../test/stage-invariance.js";
import { BRANCH, MAIN } from "../stage.js";
import { roundRobin } from "./round-robin.js";

describe("roundRobin", () => {
  it("P13: sends value i to branch i mod n, across batches", () => {
    const harness = new StageHarness(roundRobin(3, {}));
    harness.send([0, 1, 2, 3]).send([4], { time: 9 }).send([5, 6]);
    expect([harness.take(MAIN), harness.take(BRANCH), harness.take(BRANCH + 1)]).toEqual([
      [0, 3, 6],
      [1, 4],
      [2, 5],
    ]);
  });

  it("with one branch passes batches on", () => {
    expect(new StageHarness(roundRobin(1, {})).send([1, 2]).take()).toEqual([1, 2]);
  });

  it("sends each value to the same branch however the input is cut and the stage restored", () => {
    expectBranches(MAIN);
    expectBranches(BRANCH);
  });

  it("refuses what is not a count", () => {
    for (const count of [0, -1, 2.5]) expect(() => roundRobin(count, {})).toThrow(/E_ARGUMENT: roundRobin\(\): count/);
  });
});

/** Within a batch the branches are emitted one after another, so each branch is compared on its own. */
function expectBranches(output: number): void {
  const values = fc.array(fc.record({ value: fc.integer() }), { maxLength: 30, size: "max" });
  expectInvariant(() => only(output), values);
}

function only(output: number): ReturnType<typeof roundRobin> {
  const spec = roundRobin(3, { name: "r" });
  return {
    ...spec,
    make: (context) => {
      const stage = spec.make(context);
      const onBatch: typeof stage.onBatch = (batch, emit, input) =>
        stage.onBatch(batch, (out, at = MAIN) => at !== output || emit(out, at), input);
      return Object.assign(Object.create(stage), { onBatch }) as typeof stage;
    },
  };
}
