import type { Key, Origin } from "../element.js";
import { StreamError } from "../errors.js";
import { Batch, type Emit, MAX_BATCH, type Stage, type StageContext, type StateChange } from "../stage.js";
import { type Codec, decodeKey, jsonCodec, keyText } from "../state/codec.js";
import { packKey, packState, unpackState } from "../state/state-bytes.js";
import { type Logged, StateLog } from "../state/state-log.js";
import { LateValues } from "./late-values.js";
import { tooManyKept } from "./pair.js";
import { TimeBuffer } from "./time-buffer.js";

/** A value that waits for the other side. */
export interface Kept extends Logged {
  readonly side: 0 | 1;
  readonly key: Key;
  readonly time: number;
  /** In the order of arrival, over both sides. */
  readonly order: number;
  readonly value: unknown;
  readonly origin: Origin | undefined;
  /** The watermark its partition had passed it by; NaN: it came in time. */
  readonly mark: number;
  /** It has met a value of the other side. */
  matched: boolean;
}

/** What a key keeps of both sides, by time. */
export type KeptSides = readonly [left: TimeBuffer<Kept>, right: TimeBuffer<Kept>];

interface Output {
  readonly value: unknown;
  readonly time: number;
  readonly key: Key;
  readonly origin: Origin | undefined;
  readonly mark: number;
}

/** The first so many values are encoded when they are kept, so that what can not be saved is refused there. */
const CHECKED_VALUES = 64;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * A join that keeps values of both sides by key and time: each value is a piece of state, since most come and go between two
 * checkpoints. When they go is the subclass's.
 */
export abstract class JoinStage implements Stage {
  protected readonly context: StageContext;
  protected readonly late: LateValues;
  protected watermark: number = Number.NEGATIVE_INFINITY;
  readonly #where: string;
  readonly #maxKeep: number;
  readonly #keys = new Map<Key, KeptSides>();
  readonly #log = new StateLog<Kept>();
  readonly #codec: Codec<readonly [value: unknown, origin: Origin | undefined, mark: number, matched: boolean]>;
  #outputs: Output[] = [];
  #order = 0;
  #unchecked = CHECKED_VALUES;

  constructor(where: string, maxKeep: number, context: StageContext) {
    this.context = context;
    this.late = new LateValues(context, true);
    this.#where = where;
    this.#maxKeep = maxKeep;
    this.#codec = jsonCodec(where);
  }

  /** A value of a side; `behind` is the watermark it is judged by. */
  protected abstract add(batch: Batch, place: number, side: 0 | 1, key: Key, time: number, behind: number): void;
  /** The watermark has moved. */
  protected abstract advance(): void;
  /** A value is kept, newly or from a checkpoint. */
  protected abstract keeping(kept: Kept): void;

  onBatch(batch: Batch, emit: Emit, input: number): void {
    const { values, times, keys, marks } = batch;
    if (times === null || keys === null)
      throw new StreamError(
        "E_NO_EVENT_TIME",
        `"${this.#where}" joins by key and event time, and its values have none`,
        {
          operator: this.context.operator,
        },
      );
    for (let i = 0; i < values.length; i++) {
      const mark = marks === null ? Number.NaN : (marks[i] as number);
      const behind = mark > this.watermark ? mark : this.watermark;
      this.add(batch, i, input as 0 | 1, keys[i] as Key, times[i] as number, behind);
    }
    this.late.flush(batch, emit, input);
    this.#flush(emit);
  }

  onWatermark(time: number, emit: Emit): void {
    if (time <= this.watermark) return;
    this.watermark = time;
    this.advance();
    this.#flush(emit);
  }

  snapshot(): StateChange[] {
    return this.#log.snapshot(
      ({ side, time, order, key }) => packKey(`${side}|${time}|${order}|${keyText(key)}`),
      ({ value, origin, mark, matched, time }) =>
        packState(this.#codec, [value, origin, mark, matched], time, this.#where),
    );
  }

  committed(): void {
    this.#log.committed();
  }

  restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    const all: Kept[] = [];
    for (const [name, bytes] of entries) {
      const [, side, time, order, key] = /^([01])\|([^|]+)\|(\d+)\|(.*)$/s.exec(
        decoder.decode(name),
      ) as unknown as string[];
      const [value, origin, mark, matched] = unpackState(this.#codec, bytes, this.#where).state;
      const flags = { changed: false, saved: true, gone: false };
      all.push({
        side: Number(side) as 0 | 1,
        key: decodeKey(encoder.encode(key)),
        time: Number(time),
        order: Number(order),
        value,
        origin,
        mark,
        matched,
        ...flags,
      });
    }
    for (const kept of all.sort((left, right) => left.order - right.order)) {
      this.#sidesOf(kept.key)[kept.side].add(kept);
      this.#order = kept.order + 1;
      this.keeping(kept);
    }
  }

  held(): number {
    let values = 0;
    for (const [left, right] of this.#keys.values()) values += left.size + right.size;
    return values;
  }

  waiting(): string | undefined {
    const values = this.held();
    if (values === 0) return undefined;
    const at = Number.isFinite(this.watermark)
      ? `the watermark is at ${new Date(this.watermark).toISOString()}`
      : "there is no watermark yet";
    return `${values} values wait for the other side; ${at}`;
  }

  read(key: Key): unknown {
    const sides = this.#keys.get(key);
    const [left, right] = (sides ?? []).map((buffer) =>
      [...buffer.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)].map(({ value }) => value),
    );
    return { left: left ?? [], right: right ?? [] };
  }

  protected sides(key: Key): KeptSides | undefined {
    return this.#keys.get(key);
  }

  /** Keeps a value until forget(). Throws `E_STATE_LIMIT`, `E_STATE_CODEC`, `E_NOT_PARTITIONED`. */
  protected keep(batch: Batch, place: number, side: 0 | 1, key: Key, time: number, matched: boolean): void {
    if (!this.#keys.has(key)) this.context.newKey(key, batch, place);
    const value = batch.values[place];
    const flags = { matched, changed: false, saved: false, gone: false };
    const kept = {
      side,
      key,
      time,
      order: this.#order++,
      value,
      origin: batch.origins?.[place],
      mark: batch.marks?.[place] ?? Number.NaN,
      ...flags,
    };
    if (this.#unchecked > 0) {
      this.#unchecked--;
      this.#codec.encode([value, kept.origin, kept.mark, matched]);
    }
    const buffer = this.#sidesOf(key)[side];
    buffer.add(kept);
    if (buffer.size > this.#maxKeep) throw tooManyKept(this.#where, key, this.#maxKeep);
    this.#log.touch(kept);
    this.keeping(kept);
  }

  protected touch(kept: Kept): void {
    this.#log.touch(kept);
  }

  protected forget(kept: Kept): void {
    const sides = this.#sidesOf(kept.key);
    sides[kept.side].remove(kept);
    if (sides[0].size + sides[1].size === 0) this.#keys.delete(kept.key);
    this.#log.remove(kept);
  }

  protected output(output: Output): void {
    this.#outputs.push(output);
  }

  /** The user's function failed for a value that was kept. */
  protected failKept(error: unknown, { value, time, key, origin }: Kept): void {
    this.context.fail(
      error,
      new Batch([value], [time], [key], origin === undefined ? null : [origin], null, undefined),
      0,
    );
  }

  #sidesOf(key: Key): KeptSides {
    let sides = this.#keys.get(key);
    if (sides === undefined) {
      sides = [new TimeBuffer(), new TimeBuffer()];
      this.#keys.set(key, sides);
    }
    return sides;
  }

  #flush(emit: Emit): void {
    if (this.#outputs.length === 0) return;
    const all = this.#outputs;
    this.#outputs = [];
    for (let from = 0; from < all.length; from += MAX_BATCH) {
      const some = all.slice(from, from + MAX_BATCH);
      const origins = some.map(({ origin }) => origin);
      const marks = some.map(({ mark, time }) => (time <= mark + 1 ? mark : Number.NaN));
      emit(
        new Batch(
          some.map(({ value }) => value),
          some.map(({ time }) => time),
          some.map(({ key }) => key),
          origins.includes(undefined) ? null : (origins as Origin[]),
          marks.every(Number.isNaN) ? null : marks,
          undefined,
        ),
      );
    }
  }
}
