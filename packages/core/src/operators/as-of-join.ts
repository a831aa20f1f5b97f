import { type Duration, durationMs } from "../duration.js";
import type { Key } from "../element.js";
import type { Batch, OperatorSpec, StageContext } from "../stage.js";
import { TimeHeap } from "../time/time-heap.js";
import { JoinStage, type Kept } from "../windows/join-stage.js";
import { checkMaxKeep, pairOrigin } from "../windows/pair.js";

/**
 * Each left value, once the watermark has passed it, with the newest right value of its key at or before its time and not more than `keep`
 * before it; of equal times the one that came last. Left values leave in the order of their times; none is late. A right value that
 * is too late for every left value to come goes to `LATE`; one that comes late counts for left values ahead of its partition's
 * watermark only, so that results do not depend on how both sides are read.
 *
 * Throws `E_DURATION`, `E_ARGUMENT`; at run time `E_STATE_LIMIT` above `maxKeep` values a side and key (default 100,000).
 */
export function asOfJoin<T, U, R>(
  name: string,
  options: { readonly keep: Duration; readonly maxKeep?: number },
  fn: (left: T, right: U | undefined) => R,
): OperatorSpec {
  const what = `asOfJoin "${name}"`;
  const keepMs = durationMs(options.keep, `${what}: keep`);
  const maxKeep = checkMaxKeep(options.maxKeep, what);
  return {
    kind: "asOfJoin",
    name,
    make: (context) => new AsOfJoin(name, keepMs, maxKeep, fn as AsOfFunction, context),
    holdsState: true,
    eventTime: "needs",
    reads: { times: true, keys: true, marks: true },
    origins: "derive",
    aggregates: true,
  };
}

type AsOfFunction = (left: unknown, right: unknown) => unknown;

const LEFT = 0;

class AsOfJoin extends JoinStage {
  readonly #keepMs: number;
  readonly #fn: AsOfFunction;
  readonly #lefts = new TimeHeap<Kept>(byOrder);
  /** Right values by the last time they are of use. */
  readonly #rights = new TimeHeap<Kept>(byOrder);

  constructor(name: string, keepMs: number, maxKeep: number, fn: AsOfFunction, context: StageContext) {
    super(name, maxKeep, context);
    this.#keepMs = keepMs;
    this.#fn = fn;
  }

  protected add(batch: Batch, place: number, side: 0 | 1, key: Key, time: number, behind: number): void {
    if (side !== LEFT) {
      if (time + this.#keepMs <= behind) this.late.add(batch, place, time, behind, []);
      else this.keep(batch, place, side, key, time, false);
    } else if (time > this.watermark) {
      this.keep(batch, place, side, key, time, false);
    } else {
      const mark = batch.marks?.[place] ?? Number.NaN;
      try {
        this.#join(batch.values[place], key, time, batch.origins?.[place], mark);
      } catch (error) {
        this.context.fail(error, batch, place);
      }
    }
  }

  protected keeping(kept: Kept): void {
    if (kept.side === LEFT) this.#lefts.push(kept.time, kept);
    else this.#rights.push(kept.time + this.#keepMs, kept);
  }

  protected advance(): void {
    while (this.#lefts.size > 0 && this.#lefts.nextTime <= this.watermark) {
      const kept = this.#lefts.pop() as Kept;
      try {
        this.#join(kept.value, kept.key, kept.time, kept.origin, kept.mark);
      } catch (error) {
        this.failKept(error, kept);
      }
      this.forget(kept);
    }
    while (this.#rights.size > 0 && this.#rights.nextTime < this.watermark) this.forget(this.#rights.pop() as Kept);
  }

  #join(value: unknown, key: Key, time: number, origin: Kept["origin"], mark: number): void {
    const right = this.#newest(key, time, mark);
    const result = this.#fn(value, right?.value);
    this.output({
      value: result,
      time,
      key,
      origin: pairOrigin(this.context.operator, key, origin, right?.origin),
      mark,
    });
  }

  /** The right value a left one meets: what its partition's watermark had made out of date by then does not count, read or not. */
  #newest(key: Key, time: number, mark: number): Kept | undefined {
    const oldest = (Number.isNaN(mark) ? time : Math.max(mark, time)) - this.#keepMs;
    for (const right of this.sides(key)?.[1].backFrom(time) ?? []) {
      if (right.time < oldest) return undefined;
      if (!(right.mark >= time)) return right;
    }
    return undefined;
  }
}

function byOrder(left: Kept, right: Kept): number {
  return left.order - right.order;
}
