import { expect, it } from "vitest";
import { StageHarness } from "../../test/stage-harness.js";
import { rolling } from "./rolling.js";

it("a rolling operator takes the first value as it is, then calls its function once a value with what is held", () => {
  const calls: unknown[] = [];
  const spec = rolling<number, number>(
    "probe",
    {
      initial: undefined,
      fn: (held, value) => {
        calls.push([held, value]);
        return value;
      },
    },
    "p",
    false,
  );
  const harness = new StageHarness(spec).send([1, 2]).checkpoint();
  harness.send([3]).crash().send([4]);
  expect(calls).toEqual([
    [1, 2],
    [2, 3],
    [2, 4],
  ]);
  expect([
    spec.global,
    spec.aggregates,
    rolling("probe", { initial: undefined, fn: () => 0 }, "p", true).global,
  ]).toEqual([true, true, false]);
});
