import type { Key } from "../element.js";
import type { Batch, Emit, OperatorSpec, StageContext } from "../stage.js";
import { type Cell, KeyedState } from "../state/keyed-state.js";
import { without } from "./guard.js";
import { ALL, KeyedStage } from "./keyed-stage.js";

/** The next accumulator from what is held, undefined before the first value. */
type Step<A, T> = (held: { readonly state: A } | undefined, value: T) => A;

/** What `fold` and `reduce` are: an accumulator over all values or by key, emitted after every value. */
export function rolling<A, T>(kind: string, step: Step<A, T>, name: string | undefined, keyed: boolean): OperatorSpec {
  return {
    kind,
    name,
    origins: "keep",
    holdsState: true,
    global: !keyed,
    aggregates: !keyed,
    reads: { keys: keyed },
    make: (context) => new RollingStage(context, step, name, keyed),
  };
}

class RollingStage<A, T> extends KeyedStage<A> {
  readonly #step: Step<A, T>;

  constructor(context: StageContext, step: Step<A, T>, name: string | undefined, keyed: boolean) {
    super(context, new KeyedState<A>({ where: name ?? context.operator, named: name !== undefined }), keyed);
    this.#step = step;
  }

  onBatch(batch: Batch, emit: Emit): void {
    const { values, keys } = batch;
    const out: A[] = [];
    let failed: number[] | undefined;
    for (let i = 0; i < values.length; i++) {
      const key = this.keyed ? ((keys as readonly Key[])[i] as Key) : ALL;
      const cell: Cell<A> | undefined = this.state.find(key, Number.NaN);
      let next: A;
      // Only the user's function is guarded: what the state refuses is not the fault of one value.
      try {
        next = this.#step(cell, values[i] as T);
      } catch (error) {
        this.context.fail(error, batch, i);
        failed ??= [];
        failed.push(i);
        continue;
      }
      this.write(key, cell, next, Number.NaN, batch, i);
      out.push(next);
    }
    if (out.length > 0) emit((failed === undefined ? batch : without(batch, failed)).withValues(out));
  }
}
