import type { Clock, SinkCommit, SinkWriter } from "../connector.js";
import type { Key, Origin } from "../element.js";
import { messageOf, StreamError } from "../errors.js";
import type { SinkVertex } from "../graph/graph.js";
import type { Batch, EndKind, Item, OperatorCounters } from "../stage.js";
import { keyText } from "../state/codec.js";
import type { Channel } from "./channel.js";
import { originsOfInput } from "./failures.js";
import type { Inbox } from "./inbox.js";
import { Lane } from "./lane.js";
import type { Actor, Scheduler } from "./scheduler.js";
import { type SinkPolicy, sinkPolicy } from "./sink-policy.js";
import { flushWriter, type Rejected, rejectedBatch, type WriteWorld, writeGroup } from "./write-group.js";

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
  readonly #policy: SinkPolicy;
  readonly #lanes: readonly Lane[];
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
    const { sink } = vertex;
    this.vertex = vertex;
    this.inbox = inbox;
    this.#inputs = inputs;
    this.#errorChannels = errorChannels;
    this.#world = world;
    this.#policy = sinkPolicy(vertex, keyed);
    this.#lanes = Array.from({ length: this.#policy.lanes }, () => new Lane());
    this.#write = {
      sink: sink.name,
      writer,
      repeatable: sink.writes !== "append",
      retry: this.#policy.retry,
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
      this.#buffered < this.#policy.size * this.#lanes.length * this.#policy.writersALane &&
      !this.#errorChannels.some((channel) => channel.full)
    );
  }

  #add(batch: Batch, input: number): void {
    const { counters, clock } = this.#world;
    counters.in += batch.values.length;
    this.#buffered += batch.values.length;
    const origins = originsOfInput(batch, input, this.#inputs);
    const now = clock.now();
    if (!this.#policy.byKey || this.#lanes.length === 1) {
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
    const now = this.#policy.withinMs === undefined ? 0 : this.#world.clock.now();
    for (const lane of this.#lanes) {
      while (lane.size > 0 && lane.writing < this.#policy.writersALane) {
        const due =
          this.#policy.withinMs === undefined ||
          this.#mark !== undefined ||
          lane.size >= this.#policy.size ||
          now >= lane.since + this.#policy.withinMs;
        if (!due) {
          wakeAt = Math.min(wakeAt, lane.since + (this.#policy.withinMs as number));
          break;
        }
        this.#begin(lane);
      }
    }
    this.#arm(wakeAt);
  }

  #begin(lane: Lane): void {
    const group = lane.take(this.#policy.size, this.#policy.fills);
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
    this.#pushError(rejectedBatch({ group, error, attempts, cause }, this.vertex.id, topology));
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

/** The same key always has the same lane. */
function laneOf(key: Key | undefined, lanes: number): number {
  if (key === undefined) return 0;
  const text = keyText(key);
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return (hash >>> 0) % lanes;
}
