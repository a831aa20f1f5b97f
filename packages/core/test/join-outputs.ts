import { LATE, MAIN } from "../src/stage.js";
import type { JoinKind } from "../src/windows/pair.js";
import type { Late } from "../src/windows/window.js";
import { partitionedInput, type Timed } from "./partitioned-input.js";
import type { Out } from "./stage-harness.js";

export const KINDS: readonly JoinKind[] = ["inner", "left", "outer"];

/** An input whose partitions are of one side each. */
export const sides: ReturnType<typeof partitionedInput> = partitionedInput({ sides: true });

/** A pair as text: the ids of both values. */
export const pair = (left: unknown, right: unknown): string =>
  `${(left as Timed | undefined)?.id ?? "-"} ${(right as Timed | undefined)?.id ?? "-"}`;

export const outputs = (outs: readonly Out[]): Out[] => outs.filter(({ output }) => output === MAIN);

/** Sorted, once each: after a crash some come again. */
export const unique = (texts: readonly unknown[]): unknown[] => [...new Set(texts)].sort();

export const lateIds = (outs: readonly Out[]): unknown[] =>
  unique(outs.filter(({ output }) => output === LATE).map(({ value }) => (value as Late<Timed>).value.id));
