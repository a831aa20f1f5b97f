import type { Clock } from "../connector.js";
import { type Batch, type EndKind, ERROR, type Item, LATE, MAIN, type PartitionStatus } from "../stage.js";
import { ChainTimers } from "./chain-timers.js";
import type { Channel } from "./channel.js";
import type { Inbox, Incoming } from "./inbox.js";
import type { Link } from "./link.js";
import { Pieces } from "./pieces.js";
import type { Actor, Scheduler } from "./scheduler.js";

/** What a chain tells the task. */
export interface ChainListener {
  chainPassed(chain: Chain, epoch: number): void;
  chainEnded(chain: Chain): void;
}

/** Pieces of work before another actor has its turn. */
const STEPS_A_TURN = 8;

/**
 * Synchronous stages run one after another over a batch, without a promise between them. An async stage may only be the first. The
 * chain takes nothing while a channel below it is full, while a stage says it is, or while its async stage has not let a barrier pass.
 */
export class Chain implements Actor {
  queued = false;
  /** Rises with everything that comes in or is emitted. */
  moved = 0;
  readonly links: readonly Link[];
  readonly inbox: Inbox;
  readonly #scheduler: Scheduler;
  /** Where one of its operators may make several values of one. */
  readonly #pieces: Pieces | undefined;
  readonly #listener: ChainListener;
  readonly #channels: readonly Channel[];
  /** Those that carry what the chain is for: while one of them is open it goes on. Late values and dead letters alone do not keep it. */
  readonly #wanted: readonly Channel[];
  readonly #fullStages: readonly { readonly link: Link; readonly place: number }[];
  readonly #acceptsInput = (input: number): boolean => this.#fullStages.length === 0 || this.#accepts(input);
  readonly #timers: ChainTimers;
  /** The async stage is letting everything before a barrier or the end out. */
  #draining = false;
  /** The first link that wants no more values; what is above it is over. */
  #endedAt = Number.POSITIVE_INFINITY;
  #ended = false;
  /** It took more than it can use now, so that a barrier could pass: its producers wait until it has caught up. */
  #overdrawn = false;

  constructor(links: readonly Link[], inbox: Inbox, scheduler: Scheduler, clock: Clock, listener: ChainListener) {
    this.links = links;
    this.inbox = inbox;
    this.#scheduler = scheduler;
    this.#pieces = links.some(({ vertex }) => vertex.spec.origins === "derive")
      ? new Pieces((links[0] as Link).context.channelValues)
      : undefined;
    this.#timers = new ChainTimers(links, clock, () => scheduler.ready(this));
    this.#listener = listener;
    this.#channels = links.flatMap((link) => [...link.routes.values()].flat());
    const main = links.flatMap((link) =>
      [...link.routes].filter(([output]) => output !== LATE && output !== ERROR).flatMap(([, channels]) => channels),
    );
    this.#wanted = main.length > 0 ? main : this.#channels;
    this.#fullStages = links
      .map((link, place) => ({ link, place }))
      .filter(({ link }) => link.stage.full !== undefined);
    links.forEach((link, place) => {
      link.emit = (batch, output = MAIN) => this.emit(place, batch, output);
    });
    for (const channel of this.#channels) channel.wakeProducer = () => scheduler.ready(this);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** It has something to do and does it not, though nobody below is in its way. */
  get holding(): boolean {
    const waiting = this.inbox.waiting || this.#pieces?.rest !== undefined;
    return this.#draining || (waiting && !this.#channels.some((channel) => channel.full));
  }

  /** After restore: stages may emit what they must before the first item. */
  start(): void {
    for (const link of this.links) link.stage.onStart?.(link.emit);
    this.#scheduler.ready(this);
  }

  step(): boolean {
    for (let i = 0; i < STEPS_A_TURN; i++) {
      if (this.#ended) return false;
      if (this.#endedAt !== Number.POSITIVE_INFINITY) {
        this.#finish(this.#endedAt + 1);
        return false;
      }
      // Behind an async stage that drains, timers still fire; nothing new is taken.
      if (this.#draining) {
        if (!this.#blocked()) this.#timers.run();
        return false;
      }
      if (this.#blocked() && !this.#overdraws()) return false;
      if (this.#overdrawn) this.#catchUp();
      if (this.#timers.run()) continue;
      const incoming = this.#next();
      if (incoming === undefined) return false;
      this.#scheduler.progress++;
      this.moved++;
      this.#process(incoming);
    }
    return true;
  }

  /** The next thing to take; a batch in pieces, where its values may become many. */
  #next(): Incoming | undefined {
    const pieces = this.#pieces;
    if (pieces === undefined) return this.inbox.next(this.#acceptsInput);
    const { rest } = pieces;
    if (rest !== undefined && !this.#acceptsInput(rest.input)) return undefined;
    const incoming = rest === undefined ? this.inbox.next(this.#acceptsInput) : ({ kind: "batch", ...rest } as const);
    return incoming?.kind === "batch" ? { ...incoming, batch: pieces.cut(incoming.batch, incoming.input) } : incoming;
  }

  /** Emits from a link: to the next one, or to the channels of that output. */
  emit(place: number, batch: Batch, output: number): boolean {
    if (this.#endedAt <= place || this.#ended) return false;
    const link = this.links[place] as Link;
    const count = batch.values.length;
    if (count === 0) return true;
    this.moved++;
    if (output !== ERROR && output !== LATE) link.counters.out += count;
    const next = output === MAIN ? this.links[place + 1] : undefined;
    if (next !== undefined) {
      next.counters.in += count;
      next.onBatch(batch, next.emit, 0);
      return this.#endedAt === Number.POSITIVE_INFINITY;
    }
    return this.#push(link, output, batch);
  }

  /** Passes a watermark on from behind a link. */
  watermarkFrom(place: number, time: number, idle: boolean): void {
    if (this.#ended) return;
    this.#pushMark(this.links[place] as Link, { kind: "watermark", time, idle });
    this.#watermark(place + 1, time, idle);
  }

  partitionFrom(place: number, status: PartitionStatus): void {
    if (this.#ended) return;
    this.#pushStatus(this.links[place] as Link, status);
    this.#partition(place + 1, status);
  }

  /** A link wants no more values. What it has emitted before stands. */
  end(place: number): void {
    if (place >= this.#endedAt) return;
    this.#endedAt = place;
    this.#scheduler.ready(this);
  }

  wakeAt(place: number, time: number): void {
    const link = this.links[place] as Link;
    if (time >= link.wakeAt) return;
    link.wakeAt = time;
    this.#timers.arm();
  }

  /** The epoch is given up: nobody waits for its barrier any more. */
  abandon(epoch: number): void {
    this.inbox.abandon(epoch);
    this.#scheduler.ready(this);
  }

  /** Nothing is below any more, or the run is over. */
  close(): void {
    this.#ended = true;
    this.#timers.close();
    this.#pieces?.clear();
    this.inbox.close();
  }

  #blocked(): boolean {
    if (this.#wanted.length > 0 && this.#wanted.every((channel) => channel.closed)) {
      for (const channel of this.#channels) channel.push({ kind: "end", how: "complete" });
      this.#over();
      return true;
    }
    return this.#channels.some((channel) => channel.full);
  }

  /** A barrier or a stop must not wait until all before it is used up: what holds values saves them, so it can be passed on at once. */
  #overdraws(): boolean {
    if (this.#ended || !this.inbox.urgent) return false;
    this.#overdrawn = true;
    this.inbox.overdraw(true);
    return true;
  }

  #catchUp(): void {
    const head = this.links[0] as Link;
    if (this.#channels.some((channel) => channel.full)) return;
    if (head.vertex.spec.async === true && head.stage.full?.(0) === true) return;
    this.#overdrawn = false;
    this.inbox.overdraw(false);
  }

  #accepts(input: number): boolean {
    // While a barrier is awaited an input must be able to reach it, so buffers may grow over their bound for that long.
    const aligning = this.inbox.aligning;
    for (const { link, place } of this.#fullStages) {
      if (link.stage.full?.(place === 0 ? input : 0) !== true) continue;
      const mayGrow = place === 0 && (aligning || (link.vertex.spec.async === true && this.#overdraws()));
      if (!mayGrow) return false;
    }
    return true;
  }

  #process(incoming: Incoming): void {
    const head = this.links[0] as Link;
    switch (incoming.kind) {
      case "batch":
        head.counters.in += incoming.batch.values.length;
        head.onBatch(incoming.batch, head.emit, incoming.input);
        this.#pieces?.learn();
        break;
      case "watermark":
        this.#watermark(0, incoming.time, incoming.idle);
        break;
      case "partition":
        this.#partition(0, incoming.status);
        break;
      case "inputEnd":
        head.stage.onInputEnd?.(incoming.input, head.emit);
        break;
      case "barrier":
        this.#barrier(incoming.epoch);
        break;
      default:
        this.#end(incoming.how);
    }
  }

  #watermark(from: number, time: number, idle: boolean): void {
    for (let place = from; place < this.links.length; place++) {
      const link = this.links[place] as Link;
      // Only an event-time stage can see an older one: below it time never goes back.
      if (time > link.watermark) link.watermark = time;
      link.stage.onWatermark?.(link.watermark, link.emit, idle);
      if (link.vertex.spec.async === true) return;
      time = link.stage.outputWatermark?.(link.watermark) ?? link.watermark;
      this.#pushMark(link, { kind: "watermark", time, idle });
    }
  }

  #partition(from: number, status: PartitionStatus): void {
    for (let place = from; place < this.links.length; place++) {
      const link = this.links[place] as Link;
      if (link.stage.onPartition !== undefined) {
        link.stage.onPartition(status, link.emit);
        return;
      }
      this.#pushStatus(link, status);
    }
  }

  #pushStatus(link: Link, status: PartitionStatus): void {
    for (const output of link.routes.keys()) if (output !== LATE && output !== ERROR) this.#push(link, output, status);
  }

  #barrier(epoch: number): void {
    const head = (this.links[0] as Link).stage;
    if (head.onBarrier === undefined) {
      this.#pass(epoch);
      return;
    }
    this.#drain(head.onBarrier(), () => this.#pass(epoch));
  }

  #pass(epoch: number): void {
    this.#listener.chainPassed(this, epoch);
    for (const link of this.links) this.#pushMark(link, { kind: "barrier", epoch });
  }

  #end(how: EndKind): void {
    const head = this.links[0] as Link;
    if (head.vertex.spec.async !== true) {
      this.#endFrom(0, how);
      return;
    }
    const out = how === "complete" ? head.stage.onEnd?.(head.emit) : head.stage.onBarrier?.();
    this.#drain(Promise.resolve(out), () => this.#endFrom(1, how));
  }

  #drain(out: Promise<void>, then: () => void): void {
    this.#draining = true;
    out.then(
      () => {
        this.#draining = false;
        if (this.#ended) return;
        try {
          then();
        } catch (error) {
          this.#scheduler.fail(error);
        }
        this.#scheduler.ready(this);
      },
      (error) => this.#scheduler.fail(error),
    );
  }

  /** The input is over for the links from this one on. */
  #endFrom(from: number, how: EndKind): void {
    for (const link of this.links.slice(from)) {
      if (how === "fired") link.stage.fireOpen?.(link.emit);
      if (how === "complete") {
        link.watermark = Number.POSITIVE_INFINITY;
        link.stage.onWatermark?.(Number.POSITIVE_INFINITY, link.emit, false);
        link.stage.onEnd?.(link.emit);
      }
    }
    for (const link of this.links) this.#pushMark(link, { kind: "end", how });
    this.#over();
  }

  /** A link wants no more: what is below it sees a complete end, and what is above it closes. */
  #finish(from: number): void {
    this.#endedAt = Number.POSITIVE_INFINITY;
    this.#endFrom(from, "complete");
  }

  #over(): void {
    if (this.#ended) return;
    this.close();
    this.#listener.chainEnded(this);
  }

  #push(link: Link, output: number, item: Item): boolean {
    const channels = link.routes.get(output);
    // Nobody takes late values: the window that has them says so.
    if (channels === undefined) return output !== LATE;
    if (item.kind === "batch") this.#pieces?.made(item.values.length);
    let open = false;
    for (const channel of channels) {
      channel.push(item);
      open ||= !channel.closed;
    }
    return open;
  }

  #pushMark(link: Link, item: Item): void {
    for (const output of link.routes.keys()) this.#push(link, output, item);
  }
}
