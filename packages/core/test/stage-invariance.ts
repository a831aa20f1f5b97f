import fc from "fast-check";
import { expect } from "vitest";
import type { OperatorSpec } from "../src/stage.js";
import { type Beside, batchOf, type Out, type Signal, StageHarness } from "./stage-harness.js";

/** A value, or something that happens between two values. */
export type Step = ({ readonly value: unknown } & Beside) | { readonly signal: (harness: StageHarness) => void };

/** How long a batch is, and what happens behind it. */
interface Cut {
  readonly length: number;
  readonly behind: "nothing" | "restart" | "abandoned checkpoint";
}

const ONE_BY_ONE: Cut = { length: 1, behind: "nothing" };

/**
 * For tests only. However the values are cut into batches, and wherever the stage is thrown away and restored, the same must come out
 * as when each value comes alone and nothing happens.
 */
export function expectInvariant(
  make: () => OperatorSpec,
  steps: fc.Arbitrary<readonly Step[]>,
  options: { readonly end?: boolean } = {},
): void {
  const behind = fc.constantFrom("nothing" as const, "restart" as const, "abandoned checkpoint" as const);
  const cuts = fc.array(fc.record({ length: fc.integer({ min: 1, max: 7 }), behind }), {
    minLength: 1,
    maxLength: 8,
    size: "max",
  });
  fc.assert(
    fc.property(steps, cuts, (taken, plan) => {
      expect(run(make(), taken, plan, options.end !== false)).toEqual(
        run(make(), taken, [ONE_BY_ONE], options.end !== false),
      );
    }),
    { numRuns: 150 },
  );
}

function run(spec: OperatorSpec, steps: readonly Step[], cuts: readonly Cut[], end: boolean): (Out | Signal)[] {
  const harness = new StageHarness(spec, { onError: "skip" });
  let from = 0;
  for (let turn = 0; from < steps.length && !harness.ended; turn++) {
    const { length, behind } = cuts[turn % cuts.length] as Cut;
    const step = steps[from] as Step;
    if ("signal" in step) {
      step.signal(harness);
      from++;
    } else {
      const values = valuesFrom(steps, from, length);
      harness.sendBatch(batchOf(values));
      from += values.length;
    }
    if (harness.ended) break;
    if (behind === "restart") harness.restart();
    else if (behind === "abandoned checkpoint") harness.checkpoint(false);
  }
  if (end && !harness.ended) harness.end();
  return harness.log;
}

function valuesFrom(steps: readonly Step[], from: number, length: number): ({ readonly value: unknown } & Beside)[] {
  const values: ({ readonly value: unknown } & Beside)[] = [];
  for (const step of steps.slice(from, from + length)) {
    if ("signal" in step) break;
    values.push(step);
  }
  return values;
}
