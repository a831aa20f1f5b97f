import { childOrigin, type Key, type Origin } from "../element.js";
import { Batch, type Emit, MAX_BATCH, type OperatorCounters, type StageContext, type Step } from "../stage.js";
import { keepsEach, type Loop, type LoopMaker, looksOn, type Pass, type Tracking } from "./fused-pass.js";

/** A stage whose whole work is a step, and what belongs to it. */
export interface Member {
  readonly step: Step;
  readonly context: StageContext;
  readonly counters: OperatorCounters;
}

const NOTHING: Tracking = { places: false, children: false };
const PLACES: Tracking = { places: true, children: false };
const PLACES_AND_CHILDREN: Tracking = { places: true, children: true };

/** Several steps as one loop: takes what the first would take and emits what the last would emit. */
export class FusedRun implements Pass {
  out: unknown[] = [];
  size = 0;
  places: number[] = [];
  children: number[][] = [];
  readonly left: number[];
  readonly #members: readonly Member[];
  readonly steps: readonly Step[];
  readonly #emit: Emit;
  readonly #makeLoop: LoopMaker;
  readonly #keepsEach: boolean;
  /** What comes out went in. */
  readonly #looksOn: boolean;
  readonly #flatMaps: number;
  /** By what has to be tracked; made when first needed. */
  readonly #loops = new Map<Tracking, Loop>();
  #batch: Batch = new Batch([], null, null, null, null, undefined);
  #tracking: Tracking = NOTHING;
  #run: Loop | undefined;
  /** Values of the batch that failed. */
  #lost: number[] = [];
  /** How many values failed at each step. */
  readonly #failed: number[];

  constructor(members: readonly Member[], emit: Emit, makeLoop: LoopMaker) {
    this.#members = members;
    this.steps = members.map(({ step }) => step);
    this.#emit = emit;
    this.#makeLoop = makeLoop;
    this.#keepsEach = keepsEach(this.steps);
    this.#looksOn = looksOn(this.steps);
    this.#flatMaps = this.steps.filter(({ kind }) => kind === "flatMap").length;
    this.left = members.map(() => 0);
    this.#failed = members.map(() => 0);
  }

  onBatch(batch: Batch): void {
    this.#batch = batch;
    for (let k = 0; k < this.#members.length; k++) this.left[k] = this.#failed[k] = 0;
    if (this.#lost.length > 0) this.#lost = [];
    this.#loopFor(batch)(batch.values, this);
    this.#count(batch.values.length);
    if (this.size > 0) this.#emit(this.#result(this.size));
    this.out = [];
  }

  leave(current: number): number {
    const count = current > 0 ? current : this.size;
    const { out, places, children, size } = this;
    const rest = moved(out, count, size);
    const result = this.#result(count);
    this.out = rest;
    if (this.#tracking.places) this.places = moved(places, count, size);
    if (this.#tracking.children) this.children = children.map((column) => moved(column, count, size));
    return this.#emit(result) ? size - count : -1;
  }

  failed(error: unknown, step: number, value: unknown, path: readonly number[]): void {
    const { times, keys, origins, marks, partition } = this.#batch;
    const [place = 0, ...outputs] = path;
    const origin =
      origins === null
        ? null
        : outputs.reduce((from, child) => derived(from, child) as Origin, origins[place] as Origin);
    const alone = new Batch(
      [value],
      times === null ? null : [times[place] as number],
      keys === null ? null : [keys[place] as Key],
      origin === null ? null : [origin],
      marks === null ? null : [marks[place] as number],
      partition,
    );
    (this.#members[step] as Member).context.fail(error, alone, 0);
    this.#failed[step] = (this.#failed[step] ?? 0) + 1;
    if (this.#keepsEach) this.#lost.push(place);
  }

  /** The loop for what travels beside the values, which hardly ever changes from batch to batch. */
  #loopFor(batch: Batch): Loop {
    const multiplied = this.#flatMaps > 0 && batch.origins !== null;
    const tracking = isBare(batch) || this.#keepsEach ? NOTHING : multiplied ? PLACES_AND_CHILDREN : PLACES;
    if (tracking.places) this.places = [];
    if (tracking.children) this.children = Array.from({ length: this.#flatMaps }, () => []);
    if (tracking === this.#tracking && this.#run !== undefined) return this.#run;
    this.#tracking = tracking;
    this.#run = this.#loops.get(tracking) ?? this.#makeLoop(this.steps, tracking);
    this.#loops.set(tracking, this.#run);
    return this.#run;
  }

  /** What went in and out between the steps. The chain counts what enters the first and leaves the last. */
  #count(entered: number): void {
    let count = entered;
    const last = this.#members.length - 1;
    for (let k = 0; k <= last; k++) {
      const { step, counters } = this.#members[k] as Member;
      if (k > 0) counters.in += count;
      if (step.kind === "filter" || step.kind === "flatMap") count = this.left[k] ?? 0;
      else count -= this.#failed[k] ?? 0;
      if (k < last) counters.out += count;
    }
  }

  /** The first results as a batch, with what travels beside the values they come from. */
  #result(count: number): Batch {
    const { times, keys, origins, marks, partition, values } = this.#batch;
    if (this.#looksOn && count === values.length) return this.#batch;
    const out = this.out;
    if (out.length > count) out.length = count;
    if (isBare(this.#batch)) return new Batch(out, null, null, null, null, partition);
    const places = this.#keepsEach && this.#lost.length > 0 ? placesWithout(values.length, this.#lost) : this.places;
    const whole = count === values.length && (this.#keepsEach || isWhole(places, count));
    const column = <V>(from: readonly V[] | null): readonly V[] | null =>
      from === null || whole ? from : gather(from, places, count);
    const ids = origins === null || this.#flatMaps === 0 ? column(origins) : this.#ids(origins, count);
    return new Batch(out, column(times), column(keys), ids, column(marks), partition);
  }

  /** The ids of results: a flatMap appends the number of its output. */
  #ids(origins: readonly Origin[], count: number): Origin[] {
    const ids = gather(origins, this.places, count);
    for (const column of this.children)
      for (let i = 0; i < count; i++) ids[i] = derived(ids[i], column[i] as number) as Origin;
    return ids;
  }
}

/** What is left of a column once its first values have gone, with room for a full batch. */
function moved<V>(column: readonly V[], from: number, to: number): V[] {
  const rest = new Array<V>(MAX_BATCH);
  for (let i = from; i < to; i++) rest[i - from] = column[i] as V;
  return rest;
}

function gather<V>(column: readonly V[], places: readonly number[], count: number): V[] {
  const out = new Array<V>(count);
  for (let i = 0; i < count; i++) out[i] = column[places[i] as number] as V;
  return out;
}

/** All places but these, which are in order. */
function placesWithout(count: number, lost: readonly number[]): number[] {
  const places: number[] = [];
  let next = 0;
  for (let i = 0; i < count; i++) {
    if (i === lost[next]) next++;
    else places.push(i);
  }
  return places;
}

function isBare({ times, keys, origins, marks }: Batch): boolean {
  return times === null && keys === null && origins === null && marks === null;
}

function isWhole(places: readonly number[], count: number): boolean {
  for (let i = 0; i < count; i++) if (places[i] !== i) return false;
  return true;
}

function derived(origin: Origin | undefined, child: number): Origin | undefined {
  return origin === undefined ? undefined : childOrigin(origin, child);
}
