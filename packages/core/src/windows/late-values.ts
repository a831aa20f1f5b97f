import { childOrigin, type Key, type Origin } from "../element.js";
import { Batch, type Emit, LATE, type StageContext } from "../stage.js";
import type { Late, TimeSpan } from "./window.js";

/** The values of a batch that came too late: counted, and handed to `LATE` once, with what travels beside them. */
export class LateValues {
  readonly #context: StageContext;
  readonly #keyed: boolean;
  #lates: Late<unknown>[] = [];
  #places: number[] = [];
  #warned = false;

  constructor(context: StageContext, keyed: boolean) {
    this.#context = context;
    this.#keyed = keyed;
  }

  /** `behind` is the watermark the value is judged by. */
  add(batch: Batch, place: number, time: number, behind: number, windows: readonly TimeSpan[]): void {
    const key = this.#keyed ? (batch.keys?.[place] as Key) : undefined;
    this.#lates.push({ value: batch.values[place], key, time, lateBy: behind - time, windows });
    this.#places.push(place);
  }

  /**
   * Emits what was added from this batch. Without a target for late values the first one is warned of. `side` is that of a join: one
   * value may come on both, so it is added to the ids.
   */
  flush(batch: Batch, emit: Emit, side?: number): void {
    if (this.#lates.length === 0) return;
    const lates = this.#lates;
    const places = this.#places;
    this.#lates = [];
    this.#places = [];
    this.#context.counters.late += lates.length;
    const late = batch.pick(places).withValues(lates);
    const wanted = emit(side === undefined ? late : ofSide(late, side), LATE);
    if (wanted || this.#warned) return;
    this.#warned = true;
    const { operator, logger } = this.#context;
    logger.warn(
      `"${operator}": a value came too late for its windows and was left out; it is counted as late. Give the window a late target to keep such values, or more maxOutOfOrderness or allowedLateness to expect them`,
      { operator, lateBy: lates[0]?.lateBy },
    );
  }
}

function ofSide<T>({ values, times, keys, origins, marks, partition }: Batch<T>, side: number): Batch<T> {
  const ids = origins?.map((origin) => childOrigin(origin, side)) ?? null;
  return new Batch(values, times, keys, ids as readonly Origin[] | null, marks, partition);
}
