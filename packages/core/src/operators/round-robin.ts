import { requireCount } from "../errors.js";
import { type Batch, BRANCH, type Emit, MAIN, type OperatorSpec, type StageContext } from "../stage.js";
import { KeyedState } from "../state/keyed-state.js";
import { ALL, KeyedStage } from "./keyed-stage.js";
import { emitPlaces } from "./split.js";

/** Value i goes to branch i mod `count`, however slow a branch is. Branch 0 is `MAIN`. */
export function roundRobin(count: number, options: { readonly name?: string }): OperatorSpec {
  requireCount(count, 1, "roundRobin(): count");
  return {
    kind: "roundRobin",
    name: options.name,
    origins: "keep",
    holdsState: true,
    sequential: true,
    global: true,
    make: (context) => new RoundRobinStage(context, count, options.name),
  };
}

class RoundRobinStage extends KeyedStage<number> {
  readonly #count: number;

  constructor(context: StageContext, count: number, name: string | undefined) {
    super(context, new KeyedState<number>({ where: name ?? context.operator, named: name !== undefined }), false);
    this.#count = count;
  }

  onBatch(batch: Batch, emit: Emit): void {
    const cell = this.state.find(ALL, Number.NaN);
    const first = cell?.state ?? 0;
    const places: number[][] = Array.from({ length: this.#count }, () => []);
    for (let i = 0; i < batch.values.length; i++) (places[(first + i) % this.#count] as number[]).push(i);
    this.state.write(ALL, cell, (first + batch.values.length) % this.#count, Number.NaN);
    places.forEach((taken, branch) => {
      emitPlaces(batch, taken, emit, branch === 0 ? MAIN : BRANCH + branch - 1);
    });
  }
}
