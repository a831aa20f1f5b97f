import { type SignedDuration, signedDurationMs } from "../duration.js";
import type { Key } from "../element.js";
import { requireArgument } from "../errors.js";
import { Batch, type OperatorSpec, type StageContext } from "../stage.js";
import { TimeHeap } from "../time/time-heap.js";
import { JoinStage, type Kept } from "../windows/join-stage.js";
import { JOIN_NAMES, type JoinFunction, type JoinKind, pairOrigin } from "../windows/pair.js";

/**
 * Each left value with each right one of its key whose time is `from` to `to` after its own, both included (negative: before it), when the
 * second of them comes; event time the larger one. A left join gives a left value without a match with `undefined` once the watermark
 * has passed the last time that could match, an outer join also right ones, at the value's own time: so their output watermark stays
 * behind by that reach.
 *
 * A value behind its partition's watermark (t < W) joins nothing and goes to `LATE`.
 *
 * Throws `E_DURATION` or `E_ARGUMENT` for bounds that can not be right; at run time `E_STATE_LIMIT` above `maxKeep` values a side and key.
 */
export function intervalJoin(
  kind: JoinKind,
  name: string,
  between: readonly [from: SignedDuration, to: SignedDuration],
  fn: JoinFunction,
  maxKeep: number,
): OperatorSpec {
  const method = JOIN_NAMES[kind];
  const what = `${method} "${name}"`;
  const [from, to] = between;
  const fromMs = signedDurationMs(from, `${what}: between`);
  const toMs = signedDurationMs(to, `${what}: between`);
  requireArgument(
    Number.isSafeInteger(fromMs) && Number.isSafeInteger(toMs),
    `${what}: between must be whole milliseconds, as event times are`,
  );
  requireArgument(
    fromMs <= toMs,
    `${what}: between goes from the smaller bound to the larger one; it is [${fromMs} ms, ${toMs} ms]`,
  );
  return {
    kind: method,
    name,
    make: (context) => new IntervalJoin({ kind, name, fromMs, toMs, fn, maxKeep }, context),
    holdsState: true,
    eventTime: "needs",
    reads: { times: true, keys: true, marks: true },
    origins: "derive",
    aggregates: true,
  };
}

interface Plan {
  readonly kind: JoinKind;
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly fn: JoinFunction;
  readonly maxKeep: number;
}

class IntervalJoin extends JoinStage {
  readonly #plan: Plan;
  /** By the last time of the other side that can match. */
  readonly #ends = new TimeHeap<Kept>((left, right) => left.order - right.order);

  constructor(plan: Plan, context: StageContext) {
    super(plan.name, plan.maxKeep, context);
    this.#plan = plan;
  }

  /** A miss is known once the watermark is past the last time that could have matched, and has its own, earlier time. */
  outputWatermark(input: number): number {
    const { kind, fromMs, toMs } = this.#plan;
    const left = kind === "inner" ? 0 : toMs + 1;
    const right = kind === "outer" ? 1 - fromMs : 0;
    return input - Math.max(0, left, right);
  }

  protected add(batch: Batch, place: number, side: 0 | 1, key: Key, time: number, behind: number): void {
    if (time < behind) {
      this.late.add(batch, place, time, behind, []);
      return;
    }
    const { fromMs, toMs } = this.#plan;
    const other = this.sides(key)?.[side === 0 ? 1 : 0];
    const [from, to] = side === 0 ? [time + fromMs, time + toMs] : [time - toMs, time - fromMs];
    let matched = false;
    for (const kept of other?.between(from, to) ?? []) {
      matched = true;
      if (!kept.matched && this.#givesMisses(kept.side)) {
        kept.matched = true;
        this.touch(kept);
      }
      this.#meet(batch, place, side, kept);
    }
    // What the watermark has passed already can only have met what was there before it.
    if (this.#end(side, time) >= this.watermark) this.keep(batch, place, side, key, time, matched);
    else if (!matched) this.#missAtOnce(batch, place, side, key, time);
  }

  protected keeping(kept: Kept): void {
    this.#ends.push(this.#end(kept.side, kept.time), kept);
  }

  protected advance(): void {
    while (this.#ends.size > 0 && this.#ends.nextTime < this.watermark) {
      const kept = this.#ends.pop() as Kept;
      this.forget(kept);
      if (kept.matched || !this.#givesMisses(kept.side)) continue;
      try {
        this.#miss(kept.side, kept.value, kept.key, kept.time, kept.origin, Number.NaN);
      } catch (error) {
        this.failKept(error, kept);
      }
    }
  }

  /** The last time of the other side that a value can match. */
  #end(side: 0 | 1, time: number): number {
    return side === 0 ? time + this.#plan.toMs : time - this.#plan.fromMs;
  }

  #givesMisses(side: 0 | 1): boolean {
    return this.#plan.kind === "outer" || (this.#plan.kind === "left" && side === 0);
  }

  #meet(batch: Batch, place: number, side: 0 | 1, kept: Kept): void {
    const { key } = kept;
    const value = batch.values[place];
    const origin = batch.origins?.[place];
    const [left, right] = side === 0 ? [value, kept.value] : [kept.value, value];
    const [leftOrigin, rightOrigin] = side === 0 ? [origin, kept.origin] : [kept.origin, origin];
    const time = Math.max((batch.times as readonly number[])[place] as number, kept.time);
    const pair = pairOrigin(this.context.operator, key, leftOrigin, rightOrigin);
    let result: unknown;
    try {
      result = this.#plan.fn(left, right, { key, window: undefined });
    } catch (error) {
      // Of the pair, not of the value that came last: which one that is depends on how both sides are read.
      const failed = new Batch(
        [{ left, right }],
        [time],
        [key],
        pair === undefined ? null : [pair],
        null,
        batch.partition,
      );
      this.context.fail(error, failed, 0);
      return;
    }
    this.output({ value: result, time, key, origin: pair, mark: batch.marks?.[place] ?? Number.NaN });
  }

  #missAtOnce(batch: Batch, place: number, side: 0 | 1, key: Key, time: number): void {
    if (!this.#givesMisses(side)) return;
    try {
      this.#miss(side, batch.values[place], key, time, batch.origins?.[place], batch.marks?.[place] ?? Number.NaN);
    } catch (error) {
      this.context.fail(error, batch, place);
    }
  }

  #miss(side: 0 | 1, value: unknown, key: Key, time: number, origin: Kept["origin"], mark: number): void {
    const [left, right] = side === 0 ? [value, undefined] : [undefined, value];
    const result = this.#plan.fn(left, right, { key, window: undefined });
    const id =
      side === 0
        ? pairOrigin(this.context.operator, key, origin, undefined)
        : pairOrigin(this.context.operator, key, undefined, origin);
    this.output({ value: result, time, key, origin: id, mark });
  }
}
