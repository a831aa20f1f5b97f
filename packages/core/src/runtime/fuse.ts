import type { Emit, OperatorCounters, Stage, StageContext, Step } from "../stage.js";
import { composeLoop } from "./fused-closures.js";
import { generateLoop } from "./fused-code.js";
import type { LoopMaker } from "./fused-pass.js";
import { FusedRun } from "./fused-run.js";

/** How neighbouring steps of a chain are carried out: as generated code, as closures, or each stage by itself. */
export type Fusion = "generated" | "closures" | "off";

/** For tests, which must hold whatever is chosen. */
const CHOSEN: Fusion = fusionOf(process.env.MILLRACE_FUSION);

/** What of a chain's link is needed here. */
export interface Fusable {
  readonly stage: Stage;
  readonly context: StageContext;
  readonly counters: OperatorCounters;
  readonly emit: Emit;
  onBatch: Stage["onBatch"];
}

/** Neighbouring links that each are a step become one loop: the first takes the batch, and the last emits it. */
export function fuse(links: readonly Fusable[], fusion: Fusion = CHOSEN): void {
  if (fusion === "off") return;
  for (const { from, to } of runsOf(links.map(({ stage }) => stage.step))) {
    const members = links.slice(from, to);
    const first = members[0] as Fusable;
    const last = members.at(-1) as Fusable;
    const steps = members.map(({ stage, context, counters }) => ({ step: stage.step as Step, context, counters }));
    const run = new FusedRun(
      steps,
      (batch) => last.emit(batch),
      fusion === "generated" ? generateOrCompose : composeLoop,
    );
    first.onBatch = (batch) => run.onBatch(batch);
  }
}

/** Neighbours that each are a step; those that pass everything on as it is gain nothing alone. */
function runsOf(steps: readonly (Step | undefined)[]): readonly { readonly from: number; readonly to: number }[] {
  const runs: { from: number; to: number }[] = [];
  steps.forEach((step, place) => {
    if (step === undefined) return;
    const last = runs.at(-1);
    if (last !== undefined && last.to === place && steps[place - 1]?.kind !== "newest") last.to = place + 1;
    else runs.push({ from: place, to: place + 1 });
  });
  return runs.filter(({ from, to }) => steps.slice(from, to).some((step) => step?.kind !== "pass"));
}

/** Where code generation is disallowed closures do the same. */
const generateOrCompose: LoopMaker = (steps, tracking) => {
  try {
    return generateLoop(steps, tracking);
  } catch (error) {
    if (error instanceof EvalError) return composeLoop(steps, tracking);
    throw error;
  }
};

function fusionOf(text: string | undefined): Fusion {
  return text === "off" || text === "closures" ? text : "generated";
}
