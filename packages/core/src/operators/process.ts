import type { Key } from "../element.js";
import { preview, requireArgument, StreamError } from "../errors.js";
import { Batch, type Emit, type OperatorSpec, type Stage, type StageContext, type StateChange } from "../stage.js";
import {
  type Declaration,
  declarationOf,
  type ListState,
  type MapState,
  type ValueState,
} from "../state/declarations.js";
import { ProcessStates } from "../state/process-states.js";
import { planTtl, stateTime } from "../state/ttl.js";
import { type Timer, type TimerClock, Timers } from "../time/timers.js";
import { Outputs } from "./outputs.js";
import { TimerOutputs } from "./timer-outputs.js";
import { type StateContext, ValueContext } from "./value-context.js";

/** The states of a {@link ProcessSpec}, by name, as valueState(), mapState() and listState() declare them. */
// biome-ignore lint/suspicious/noExplicitAny: what the states hold is each one's own matter
export type StateSpec = Record<string, ValueState<any> | MapState<any, any> | ListState<any>>;

/**
 * Functions with declared states and timers: for what the other operators can not say.
 *
 * @example
 * ```ts
 * import { from, valueState } from "@millrace/core";
 * const silent = from([{ id: "a", at: 0 }, { id: "a", at: 1_000 }])
 *   .eventTime((event) => event.at)
 *   .keyBy((event) => event.id)
 *   .process("silent", {
 *     state: { due: valueState<number>() },
 *     onValue(event, context) {
 *       const due = context.state.due.get();
 *       if (due !== undefined) context.cancelTimer(due);
 *       context.state.due.set(event.at + 60_000);
 *       context.setTimer(event.at + 60_000);
 *     },
 *     onTimer: (time, _clock, { key }) => [`${key} was silent for a minute at ${time}`],
 *   });
 * ```
 */
export interface ProcessSpec<K, T, S extends StateSpec, U> {
  readonly state: S;
  /** What is returned is emitted, in order. If it throws, its changes of states and timers are taken back. */
  readonly onValue: (value: T, context: ProcessContext<K, S>) => readonly U[] | void;
  /** Called when a timer is due, those of event time in ascending time; `context.time` is the timer's. */
  readonly onTimer?: (time: number, clock: TimerClock, context: ProcessContext<K, S>) => readonly U[] | void;
}

/** What the functions of a {@link ProcessSpec} are given. Valid during the call. */
export interface ProcessContext<out K, S> extends StateContext<K> {
  readonly state: S;
  /**
   * Asks for one call of onTimer for this key: by "event" time (default) when the watermark passes `time`, by "processing" time when the
   * clock reads it. Asking twice is asking once. A time that has passed already is due at the next watermark, or a moment later.
   */
  setTimer(time: number, clock?: TimerClock): void;
  /** Takes a timer back; one that is not set is no error. */
  cancelTimer(time: number, clock?: TimerClock): void;
}

/** States and timers by key, under a name by which a checkpoint finds them. */
export function process<K extends Key, T, S extends StateSpec, U>(
  name: string,
  spec: ProcessSpec<K, T, S, U>,
): OperatorSpec {
  const what = `process "${name}"`;
  requireArgument(typeof spec?.onValue === "function", `${what} needs the function onValue`);
  requireArgument(
    spec.onTimer === undefined || typeof spec.onTimer === "function",
    `${what}: onTimer must be a function`,
  );
  const declared = Object.entries(spec.state ?? {}).map(([state, given]): [string, Declaration] => {
    const declaration = declarationOf(given);
    requireArgument(
      declaration !== undefined,
      `${what}: state.${state} must be made by valueState(), mapState() or listState()`,
    );
    planTtl(declaration.ttl, `${what}: state.${state}`);
    return [state, declaration];
  });
  const expires = declared.some(([, { ttl }]) => ttl !== undefined);
  return {
    kind: "process",
    name,
    origins: "derive",
    holdsState: true,
    sequential: true,
    ...(expires ? { eventTime: "needs" } : {}),
    reads: { keys: true, times: true, origins: true, marks: expires },
    make: (context) => new ProcessStage(context, name, spec, new Map(declared)),
  };
}

/** What is wrong with the program would be wrong for every value: no policy for values passes over it. */
const NO_VALUES_FAULT = new Set<string>(["E_STATE_CODEC", "E_NOT_PARTITIONED", "E_NO_EVENT_TIME"]);

class ProcessStage<K extends Key, T, S extends StateSpec, U> implements Stage {
  readonly #context: StageContext;
  readonly #name: string;
  readonly #spec: ProcessSpec<K, T, S, U>;
  readonly #states: ProcessStates;
  readonly #timers = new Timers();
  readonly #call: Call<K, S>;
  /** The watermark before the current one: what was freed by then is gone for timers of earlier times too. */
  #passed = Number.NEGATIVE_INFINITY;
  /** The value of the call at hand; none for a timer. */
  #batch: Batch | undefined;
  #place = 0;

  constructor(
    context: StageContext,
    name: string,
    spec: ProcessSpec<K, T, S, U>,
    declared: ReadonlyMap<string, Declaration>,
  ) {
    this.#context = context;
    this.#name = name;
    this.#spec = spec;
    this.#states = new ProcessStates(name, declared, () => {
      if (this.#batch !== undefined) context.newKey(this.#states.key, this.#batch, this.#place);
    });
    this.#call = new Call(name, this.#states, this.#timers);
  }

  /** What became due while nobody ran comes first. */
  onStart(emit: Emit): void {
    this.#run("processing", this.#context.clock.now(), emit);
  }

  onBatch(batch: Batch, emit: Emit): void {
    const { values, times, marks } = batch;
    const outputs = new Outputs<U>(batch, emit);
    const watermark = this.#context.watermark();
    const call = this.#call;
    this.#batch = batch;
    call.begin(this.#context);
    for (let i = 0; i < values.length; i++) {
      this.#place = i;
      call.at(batch, i);
      this.#states.enter(call.key, stateTime(times, marks, i), watermark);
      const results = this.#guarded(() => this.#spec.onValue(values[i] as T, call), batch, i);
      // States must not fall behind because nobody wants outputs any more: the values of the batch are all taken.
      for (let n = 0; n < results.length; n++) outputs.push(results[n] as U, i, n);
    }
    this.#batch = undefined;
    this.#arm();
    outputs.flush();
  }

  onWatermark(time: number, emit: Emit): void {
    this.#run("event", time, emit);
    this.#states.sweep(time);
    this.#passed = time;
  }

  onTimer(now: number, emit: Emit): void {
    this.#run("processing", now, emit);
  }

  snapshot(): Iterable<StateChange> {
    return [...this.#states.snapshot(), ...this.#timers.snapshot()];
  }

  committed(): void {
    this.#states.committed();
    this.#timers.committed();
  }

  restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    const all = [...entries];
    this.#timers.restore(all);
    this.#states.restore(all.filter(([key]) => !Timers.owns(key)));
  }

  busy(): boolean {
    return this.#timers.nextTime("processing") !== Number.POSITIVE_INFINITY;
  }

  read(key: Key): unknown {
    return this.#states.read(key, this.#context.watermark());
  }

  /** Runs the timers that are due, and those which the calls set meanwhile, in time order. */
  #run(clock: TimerClock, until: number, emit: Emit): void {
    if (this.#timers.nextTime(clock) <= until) {
      const outputs = new TimerOutputs<U>(this.#name, emit);
      const watermark = this.#context.watermark();
      const call = this.#call;
      call.begin(this.#context);
      for (let timer = this.#timers.take(clock, until); timer !== undefined; timer = this.#timers.take(clock, until)) {
        call.atTimer(timer);
        const at = clock === "event" ? Math.max(timer.time, this.#passed) : watermark;
        this.#states.enter(timer.key, at === Number.NEGATIVE_INFINITY ? Number.NaN : at, watermark);
        const { key, time } = timer;
        const failed = new Batch<unknown>([{ key, time, clock }], [time], [key], null, null, undefined);
        outputs.push(
          this.#guarded(() => this.#spec.onTimer?.(time, clock, call), failed, 0),
          timer,
        );
      }
      call.endTimers();
      outputs.flush();
    }
    this.#arm();
  }

  /** What a call gives; nothing, and no change, where it fails. */
  #guarded(fn: () => readonly U[] | void, batch: Batch, place: number): readonly U[] {
    try {
      return listOf(fn());
    } catch (error) {
      if (error instanceof StreamError && NO_VALUES_FAULT.has(error.code)) throw error;
      this.#states.rollBack();
      this.#context.fail(error, batch, place);
      return [];
    }
  }

  /** A timer for a time that the clock reads already is due a moment later, so that the values of that moment come first. */
  #arm(): void {
    const next = this.#timers.nextTime("processing");
    if (next !== Number.POSITIVE_INFINITY) this.#context.wakeAt(Math.max(next, this.#context.clock.now() + 1));
  }
}

/** The one context of the stage. */
class Call<K extends Key, S> extends ValueContext<K> implements ProcessContext<K, S> {
  readonly state: S;
  readonly #name: string;
  readonly #states: ProcessStates;
  readonly #timers: Timers;
  /** The timer that runs, if one does. */
  #timer: Timer | undefined;
  /** Set by a timer for its own time or an earlier one, which has passed: they wait for the next round, so that a round ends. */
  #deferred: readonly Timer[] = [];
  #timed = true;

  constructor(name: string, states: ProcessStates, timers: Timers) {
    super();
    this.#name = name;
    this.#states = states;
    this.#timers = timers;
    this.state = states.states as S;
  }

  override at(batch: Batch, place: number): void {
    super.at(batch, place);
    this.#timed = batch.times !== null;
  }

  atTimer(timer: Timer): void {
    this.#timer = timer;
    this.key = timer.key as K;
    this.time = timer.clock === "event" ? timer.time : undefined;
    this.origin = undefined;
  }

  endTimers(): void {
    this.#timer = undefined;
    for (const { key, time, clock } of this.#deferred) this.#timers.set(key, time, clock);
    this.#deferred = [];
  }

  setTimer(time: number, clock: TimerClock = "event"): void {
    this.#check(clock);
    const { key } = this;
    if (this.#timer !== undefined && this.#timer.clock === clock && time <= this.#timer.time) {
      this.#defer([...this.#deferred, { key, time, clock }]);
      return;
    }
    const before = this.#timers.size;
    this.#timers.set(key, time, clock);
    if (this.#timers.size > before) this.#states.undo(() => this.#timers.cancel(key, time, clock));
  }

  cancelTimer(time: number, clock: TimerClock = "event"): void {
    this.#check(clock);
    const { key } = this;
    if (this.#deferred.length > 0)
      this.#defer(this.#deferred.filter((timer) => timer.key !== key || timer.time !== time || timer.clock !== clock));
    const before = this.#timers.size;
    this.#timers.cancel(key, time, clock);
    if (this.#timers.size < before) this.#states.undo(() => this.#timers.set(key, time, clock));
  }

  #defer(timers: readonly Timer[]): void {
    const before = this.#deferred;
    this.#deferred = timers;
    this.#states.undo(() => {
      this.#deferred = before;
    });
  }

  #check(clock: TimerClock): void {
    requireArgument(
      clock === "event" || clock === "processing",
      `process "${this.#name}": a timer's clock must be "event" or "processing"; it is ${JSON.stringify(clock)}`,
    );
    if (clock === "event" && !this.#timed)
      throw new StreamError(
        "E_NO_EVENT_TIME",
        `process "${this.#name}" sets a timer by event time, but the stream above has none: call eventTime() before keyBy(), or set it by "processing" time`,
        { operator: this.#name },
      );
  }
}

function listOf<U>(results: readonly U[] | void): readonly U[] {
  if (results === undefined || results === null) return [];
  if (Array.isArray(results)) return results as readonly U[];
  if (results instanceof Promise) results.catch(() => {});
  throw new StreamError(
    "E_OPERATOR",
    `onValue and onTimer must return an array of outputs or nothing; it returned ${results instanceof Promise ? "a promise" : preview(results)}`,
  );
}
