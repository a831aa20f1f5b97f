import type { Clock, SinkCommit, SinkWriter } from "../connector.js";
import { durationMs } from "../duration.js";
import type { Key, Origin } from "../element.js";
import { messageOf, requireArgument, StreamError } from "../errors.js";
import type { SinkVertex } from "../graph/graph.js";
import { type DeadLetter, planRetry } from "../policy.js";
import { Batch, type EndKind, type Item, MAX_BATCH, type OperatorCounters } from "../stage.js";
import { keyText } from "../state/codec.js";
import type { Channel } from "./channel.js";
import { originsOfInput } from "./failures.js";
import type { Inbox } from "./inbox.js";
import { Lane } from "./lane.js";
import type { Actor, Scheduler } from "./scheduler.js";
import { flushWriter, type Rejected, type WriteWorld, writeGroup } from "./write-group.js";

export interface SinkListener {
  /** Every value before the barrier has its final outcome, and the writer has flushed. */
  sinkPassed(driver: SinkDriver, epoch: number, commit: SinkCommit | undefined): void;
  sinkEnded(driver: SinkDriver, epoch: number, commit: SinkCommit | undefined): void;
  /** The epoch a flush at the end belongs to. */
  endEpoch(driver: SinkDriver): number;
}

export interface SinkWorld {
  readonly topology: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly scheduler: Scheduler;
  readonly counters: OperatorCounters;
  readonly listener: SinkListener;
}

/** A barrier or end that has come; it passes when everything before it is out. */
type Mark = { readonly kind: "barrier"; readonly epoch: number } | { readonly kind: "end"; readonly how: EndKind };

const DEFAULT_ATTEMPTS = 10;
const STEPS_A_TURN = 16;

/**
 * Brings values to one sink: groups them by the batch policy, keeps writes in flight in lanes (one for "input" order, one a key hash for
 * "key", one with many writers for "any"), and at a barrier waits until everything before it has its final outcome.
 */
export class SinkDriver implements Actor {
  queued = false;
  /** Rises with everything that comes in or has its outcome. */
  moved = 0;
  readonly vertex: SinkVertex;
  readonly inbox: Inbox;
  readonly #inputs: number;
  readonly #errorChannels: readonly Channel[];
  readonly #world: SinkWorld;
  readonly #write: WriteWorld;
  readonly #size: number;
  /** Somebody asked for a size, so writes have it wherever there are enough values. */
  readonly #fills: boolean;
  readonly #withinMs: number | undefined;
  readonly #lanes: readonly Lane[];
  readonly #writersALane: number;
  readonly #byKey: boolean;
  #buffered = 0;
  #inFlight = 0;
  #mark: Mark | undefined;
  #flushing = false;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #ended = false;

  constructor(
    vertex: SinkVertex,
    writer: SinkWriter<unknown>,
    inbox: Inbox,
    inputs: number,
    keyed: boolean,
    errorChannels: readonly Channel[],
    world: SinkWorld,
  ) {
    const { sink, settings } = vertex;
    this.vertex = vertex;
    this.inbox = inbox;
    this.#inputs = inputs;
    this.#errorChannels = errorChannels;
    this.#world = world;
    const batch = settings.batch ?? sink.batch;
    this.#size = batch?.size ?? MAX_BATCH;
    this.#fills = batch !== undefined;
    requireArgument(
      Number.isInteger(this.#size) && this.#size >= 1,
      `sink "${vertex.id}": batch.size must be a whole number from 1; it is ${this.#size}`,
    );
    this.#withinMs =
      batch?.within === undefined ? undefined : durationMs(batch.within, `sink "${vertex.id}": batch.within`);
    const concurrency = settings.concurrency ?? sink.concurrency ?? 1;
    requireArgument(
      Number.isInteger(concurrency) && concurrency >= 1,
      `sink "${vertex.id}": concurrency must be a whole number from 1; it is ${concurrency}`,
    );
    const order = settings.order ?? (concurrency > 1 && keyed ? "key" : "input");
    requireArgument(
      order === "input" || order === "key" || order === "any",
      `sink "${vertex.id}": order must be "input", "key" or "any"; it is ${JSON.stringify(order)}`,
    );
    this.#byKey = order === "key";
    this.#lanes = Array.from({ length: order === "key" ? concurrency : 1 }, () => new Lane());
    this.#writersALane = order === "any" ? concurrency : 1;
    this.#write = {
      sink: sink.name,
      writer,
      repeatable: sink.writes !== "append",
      retry: planRetry(settings.retry, `sink "${vertex.id}"`, DEFAULT_ATTEMPTS),
      clock: world.clock,
      random: world.random,
      signal: world.signal,
      rejected: (rejected) => this.#rejected(rejected),
      written: (count) => {
        world.counters.out += count;
      },
    };
    for (const channel of errorChannels) channel.wakeProducer = () => world.scheduler.ready(this);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Writes that have been begun and have no outcome yet. */
  get inFlight(): number {
    return this.#inFlight + (this.#flushing ? 1 : 0);
  }

  /** Work before a barrier, or the barrier itself, is here and not done. */
  get holding(): boolean {
    return this.inFlight > 0 && (this.#mark !== undefined || this.inbox.waiting);
  }

  step(): boolean {
    if (this.#ended || this.#flushing) return false;
    let steps = 0;
    for (; steps < STEPS_A_TURN && this.#takesMore(); steps++) {
      const incoming = this.inbox.next(always);
      if (incoming === undefined) break;
      this.#world.scheduler.progress++;
      this.moved++;
      if (incoming.kind === "batch") this.#add(incoming.batch, incoming.input);
      else if (incoming.kind === "barrier" || incoming.kind === "end") this.#mark = incoming;
    }
    this.#startWrites();
    if (this.#mark !== undefined && this.#buffered === 0 && this.#inFlight === 0) this.#flush();
    return steps === STEPS_A_TURN && this.#takesMore();
  }

  abandon(epoch: number): void {
    this.inbox.abandon(epoch);
    if (this.#mark?.kind === "barrier" && this.#mark.epoch === epoch && !this.#flushing) this.#mark = undefined;
    this.#world.scheduler.ready(this);
  }

  close(): void {
    this.#ended = true;
    this.#cancelTimer?.();
    this.inbox.close();
  }

  #takesMore(): boolean {
    return (
      this.#mark === undefined &&
      this.#buffered < this.#size * this.#lanes.length * this.#writersALane &&
      !this.#errorChannels.some((channel) => channel.full)
    );
  }

  #add(batch: Batch, input: number): void {
    const { counters, clock } = this.#world;
    counters.in += batch.values.length;
    this.#buffered += batch.values.length;
    const origins = originsOfInput(batch, input, this.#inputs);
    const now = clock.now();
    if (!this.#byKey || this.#lanes.length === 1) {
      this.#lanes[0]?.add(batch, origins, now);
      return;
    }
    const places: number[][] = this.#lanes.map(() => []);
    for (let i = 0; i < batch.values.length; i++) places[laneOf(batch.keys?.[i], this.#lanes.length)]?.push(i);
    places.forEach((own, lane) => {
      if (own.length > 0)
        this.#lanes[lane]?.add(
          batch.pick(own),
          origins === null ? null : own.map((i) => origins[i] as Origin | undefined),
          now,
        );
    });
  }

  #startWrites(): void {
    let wakeAt = Number.POSITIVE_INFINITY;
    const now = this.#withinMs === undefined ? 0 : this.#world.clock.now();
    for (const lane of this.#lanes) {
      while (lane.size > 0 && lane.writing < this.#writersALane) {
        const due =
          this.#withinMs === undefined ||
          this.#mark !== undefined ||
          lane.size >= this.#size ||
          now >= lane.since + this.#withinMs;
        if (!due) {
          wakeAt = Math.min(wakeAt, lane.since + (this.#withinMs as number));
          break;
        }
        this.#begin(lane);
      }
    }
    this.#arm(wakeAt);
  }

  #begin(lane: Lane): void {
    const group = lane.take(this.#size, this.#fills);
    lane.writing++;
    this.#inFlight++;
    this.#buffered -= group.values.length;
    const done = (): void => {
      lane.writing--;
      this.#inFlight--;
      this.#world.scheduler.progress++;
      this.moved++;
      if (this.#mark !== undefined || this.#buffered > 0 || this.inbox.waiting) this.#world.scheduler.ready(this);
    };
    writeGroup(this.#write, group).then(done, (error) => this.#world.scheduler.fail(error));
  }

  #arm(at: number): void {
    if (at === this.#timerAt) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#world.clock.schedule(at, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#world.scheduler.ready(this);
    });
  }

  #rejected({ group, error, attempts, cause }: Rejected): void {
    const { counters, topology } = this.#world;
    const count = group.values.length;
    if (error.class === "fatal" || this.vertex.onError === "fail")
      throw new StreamError(
        "E_SINK",
        `sink "${this.vertex.id}" could not write ${count === 1 ? "a value" : `${count} values`} after ${attempts} ${attempts === 1 ? "try" : "tries"}: ${error.code}: ${error.message}`,
        { cause, operator: this.vertex.id },
      );
    counters.failed += count;
    if (this.vertex.onError === "skip") {
      counters.skipped += count;
      return;
    }
    const letters = group.values.map((value, i): DeadLetter<unknown> => {
      const { class: errorClass, code, message } = error;
      return {
        value,
        error: { class: errorClass, code, message },
        operator: this.vertex.id,
        origin: group.origins?.[i],
        attempts,
        firstSeen: group.firstSeen,
        topology,
      };
    });
    this.#pushError(
      new Batch(letters, complete(group.times), complete(group.keys), complete(group.origins), null, undefined),
    );
  }

  #flush(): void {
    const mark = this.#mark as Mark;
    const { listener, scheduler } = this.#world;
    this.#flushing = true;
    const epoch = mark.kind === "barrier" ? mark.epoch : listener.endEpoch(this);
    flushWriter(this.#write, epoch).then(
      (commit) => {
        this.#flushing = false;
        this.#mark = undefined;
        if (this.#ended) return;
        if (mark.kind === "barrier") {
          listener.sinkPassed(this, mark.epoch, commit);
          this.#pushError({ kind: "barrier", epoch: mark.epoch });
        } else {
          this.#pushError({ kind: "end", how: mark.how });
          this.close();
          listener.sinkEnded(this, epoch, commit);
        }
        scheduler.ready(this);
      },
      (error) =>
        scheduler.fail(
          error instanceof StreamError
            ? error
            : new StreamError("E_SINK", `sink "${this.vertex.id}" could not flush: ${messageOf(error)}`, {
                cause: error,
                operator: this.vertex.id,
              }),
        ),
    );
  }

  #pushError(item: Item): void {
    for (const channel of this.#errorChannels) channel.push(item);
  }
}

const always = (): boolean => true;

/** A column that has a value everywhere; else there is none. */
function complete<V>(column: readonly (V | undefined)[] | null): readonly V[] | null {
  return column?.every((each) => each !== undefined) === true ? (column as readonly V[]) : null;
}

/** The same key always has the same lane. */
function laneOf(key: Key | undefined, lanes: number): number {
  if (key === undefined) return 0;
  const text = keyText(key);
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return (hash >>> 0) % lanes;
}
