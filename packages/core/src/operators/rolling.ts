import type { Key } from "../element.js";
import { requireFunction } from "../errors.js";
import type { Batch, Emit, OperatorSpec, StageContext, Step } from "../stage.js";
import { type Cell, KeyedState } from "../state/keyed-state.js";
import { without } from "./guard.js";
import { ALL, KeyedStage } from "./keyed-stage.js";

/** How an accumulator begins and goes on. Without `initial` the first value is the first accumulator. */
export interface Rolling<A, T> {
  readonly initial: { readonly state: A } | undefined;
  readonly fn: (accumulator: A, value: T) => A;
}

/** What `fold` and `reduce` are: an accumulator over all values or by key, emitted after every value. */
export function rolling<A, T>(
  kind: string,
  how: Rolling<A, T>,
  name: string | undefined,
  keyed: boolean,
): OperatorSpec {
  requireFunction(how.fn, `${kind}()`);
  return {
    kind,
    name,
    origins: "keep",
    holdsState: true,
    sequential: true,
    global: !keyed,
    aggregates: !keyed,
    reads: { keys: keyed },
    make: (context) => new RollingStage(context, how, name, keyed),
  };
}

class RollingStage<A, T> extends KeyedStage<A> {
  /** Over all values it is one loop; by key there is a state to be found for each value. */
  readonly step: Step | undefined;
  readonly #how: Rolling<A, T>;

  constructor(context: StageContext, how: Rolling<A, T>, name: string | undefined, keyed: boolean) {
    super(context, new KeyedState<A>({ where: name ?? context.operator, named: name !== undefined }), keyed);
    this.#how = how;
    this.step = keyed ? undefined : this.#stepOverAll();
  }

  onBatch(batch: Batch, emit: Emit): void {
    const { values, keys } = batch;
    const { initial, fn } = this.#how;
    const out: A[] = [];
    let failed: number[] | undefined;
    for (let i = 0; i < values.length; i++) {
      const key = this.keyed ? ((keys as readonly Key[])[i] as Key) : ALL;
      const cell: Cell<A> | undefined = this.state.find(key, Number.NaN);
      const held = cell ?? initial;
      let next: A;
      // Only the user's function is guarded: what the state refuses is not the fault of one value.
      try {
        next = held === undefined ? (values[i] as unknown as A) : fn(held.state, values[i] as T);
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

  #stepOverAll(): Step {
    return {
      kind: "fold",
      fn: this.#how.fn,
      load: () => this.state.find(ALL, Number.NaN) ?? this.#how.initial,
      save: (accumulator) => {
        this.state.write(ALL, this.state.find(ALL, Number.NaN), accumulator as A, Number.NaN);
      },
    };
  }
}
