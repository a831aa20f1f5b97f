import { type Duration, durationMs } from "../duration.js";
import type { Key } from "../element.js";
import { requireArgument } from "../errors.js";
import { type Batch, type Emit, MAIN, type OperatorSpec, type StageContext } from "../stage.js";
import type { Codec } from "../state/codec.js";
import { pairText } from "../state/key-pair.js";
import { KeyedState } from "../state/keyed-state.js";
import { stateTime } from "../state/ttl.js";
import { requireKey } from "./key-by.js";
import { KeyedStage } from "./keyed-stage.js";
import { emitPlaces } from "./split.js";

/** When two values are the same, and for how long that counts. */
export interface DedupeOptions<T> {
  /** Two values of a key are the same when this gives the same for both. */
  readonly by: (value: T) => Key;
  /** How long after the value that was kept, in event time, others are dropped (and those that come later with an earlier time). A dropped one does not make it longer. */
  readonly within: Duration;
}

/**
 * Keeps the first of values that are the same. Which ones were seen is state, restored together with the positions of the sources: so a
 * replay meets the state it had the first time, and what is dropped is a duplicate in the input and never a replay of the kept value.
 */
export function dedupe<T>(name: string, options: DedupeOptions<T>): OperatorSpec {
  const what = `dedupe "${name}"`;
  requireArgument(typeof options?.by === "function", `${what} needs the function by`);
  const withinMs = durationMs(options.within, `${what}: within`);
  return {
    kind: "dedupe",
    name,
    origins: "keep",
    holdsState: true,
    sequential: true,
    eventTime: "needs",
    reads: { keys: true, times: true, marks: true },
    make: (context) => new DedupeStage(context, name, options.by, withinMs),
  };
}

/** That a value was seen, and when, is all there is to know. */
const SEEN: Codec<true> = { version: 1, encode: () => new Uint8Array(), decode: () => true };

class DedupeStage<T> extends KeyedStage<true> {
  readonly #by: (value: T) => Key;

  constructor(context: StageContext, name: string, by: (value: T) => Key, withinMs: number) {
    super(context, new KeyedState<true>({ where: name, codec: SEEN, ttl: { afterMs: withinMs, from: "write" } }), true);
    this.#by = by;
  }

  onBatch(batch: Batch, emit: Emit): void {
    const { values, times, marks, keys } = batch;
    const kept: number[] = [];
    for (let i = 0; i < values.length; i++) {
      let id: Key;
      try {
        id = requireKey(this.#by(values[i] as T));
      } catch (error) {
        this.context.fail(error, batch, i);
        continue;
      }
      const key = keys?.[i] as Key;
      const both = pairText(key, id);
      const at = stateTime(times, marks, i);
      if (this.state.find(both, at) !== undefined) continue;
      if (this.state.write(both, undefined, true, at)) this.context.newKey(key, batch, i);
      kept.push(i);
    }
    emitPlaces(batch, kept, emit, MAIN);
  }

  onWatermark(time: number): void {
    this.state.sweep(time);
  }
}
