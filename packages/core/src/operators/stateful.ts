import type { Duration } from "../duration.js";
import type { Key } from "../element.js";
import { preview, requireArgument, StreamError } from "../errors.js";
import type { Batch, Emit, OperatorSpec, StageContext } from "../stage.js";
import type { Codec } from "../state/codec.js";
import { KeyedState } from "../state/keyed-state.js";
import { planTtl, stateTime, type TtlOptions, type TtlPlan } from "../state/ttl.js";
import { KeyedStage } from "./keyed-stage.js";
import { Outputs } from "./outputs.js";
import { type StateContext, ValueContext } from "./value-context.js";

/**
 * A function with a state for each key.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * const totals = from([{ id: "a", amount: 2 }, { id: "b", amount: 3 }, { id: "a", amount: 5 }])
 *   .keyBy((payment) => payment.id)
 *   .stateful("totals", {
 *     init: () => 0,
 *     onValue: (total: number, { amount }, { key }) => [total + amount, `${key} has ${total + amount}`],
 *   });
 * ```
 */
export interface StatefulSpec<K, T, S, U> {
  /** The state of a key that has none. */
  readonly init: (key: K) => S;
  /**
   * Gives the next state and what is to be emitted; `undefined` as next state forgets the key. A state must be a new object or be
   * changed only where nothing is thrown after it: if this throws, the key keeps the state object it had.
   */
  readonly onValue: (state: S, value: T, context: StateContext<K>) => readonly [next: S | undefined, ...outputs: U[]];
  /** Forgets a key that long, in event time, after its last write (or creation, or read). Refused without event time. */
  readonly ttl?: Duration | TtlOptions;
  /** How states become bytes. Default: JSON with Date, Map, Set, bigint, NaN and typed arrays. */
  readonly codec?: Codec<S>;
}

/** Keeps a state for each key under a name by which a checkpoint finds it. */
export function stateful<K extends Key, T, S, U>(name: string, spec: StatefulSpec<K, T, S, U>): OperatorSpec {
  const what = `stateful "${name}"`;
  requireArgument(
    typeof spec?.init === "function" && typeof spec.onValue === "function",
    `${what} needs the functions init and onValue`,
  );
  const ttl = planTtl(spec.ttl, what);
  return {
    kind: "stateful",
    name,
    origins: "derive",
    holdsState: true,
    sequential: true,
    ...(ttl === undefined ? {} : { eventTime: "needs" }),
    reads: { keys: true, times: true, origins: true, marks: ttl !== undefined },
    make: (context) => new StatefulStage(context, name, spec, ttl),
  };
}

class StatefulStage<K extends Key, T, S, U> extends KeyedStage<S> {
  readonly #spec: StatefulSpec<K, T, S, U>;
  readonly #valueContext = new ValueContext<K>();

  constructor(context: StageContext, name: string, spec: StatefulSpec<K, T, S, U>, ttl: TtlPlan | undefined) {
    super(context, new KeyedState<S>({ where: name, codec: spec.codec, ttl }), true);
    this.#spec = spec;
  }

  onBatch(batch: Batch, emit: Emit): void {
    const { values, times, marks } = batch;
    const valueContext = this.#valueContext;
    const outputs = new Outputs<U>(batch, emit);
    valueContext.begin(this.context);
    for (let i = 0; i < values.length; i++) {
      valueContext.at(batch, i);
      const { key } = valueContext;
      const at = stateTime(times, marks, i);
      const cell = this.state.find(key, at);
      let result: readonly [S | undefined, ...U[]];
      // Only the user's function is guarded: what the state or those below refuse is not the fault of one value.
      try {
        result = this.#spec.onValue(
          cell === undefined ? this.#spec.init(key) : cell.state,
          values[i] as T,
          valueContext,
        );
        if (!Array.isArray(result)) throw notAList(result);
      } catch (error) {
        this.context.fail(error, batch, i);
        continue;
      }
      const next = result[0];
      if (next === undefined) this.state.delete(key);
      else this.write(key, cell, next, at, batch, i);
      // A state must not fall behind because nobody wants outputs any more: the values of the batch are all taken.
      for (let n = 1; n < result.length; n++) outputs.push(result[n] as U, i, n - 1);
    }
    outputs.flush();
  }

  onWatermark(time: number): void {
    this.state.sweep(time);
  }
}

function notAList(result: unknown): StreamError {
  if (result instanceof Promise) result.catch(() => {});
  const what =
    result instanceof Promise
      ? "a promise: it must be synchronous, so do what waits in mapAsync() or lookup() before"
      : preview(result);
  return new StreamError("E_OPERATOR", `onValue must return [next state, ...outputs]; it returned ${what}`);
}
