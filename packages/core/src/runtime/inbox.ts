import type { Batch, EndKind, Item, PartitionStatus } from "../stage.js";
import type { Channel } from "./channel.js";

/** What an actor takes next: a batch or status of one input, or a mark that holds for all of them. */
export type Incoming =
  | { readonly kind: "batch"; readonly batch: Batch; readonly input: number }
  | { readonly kind: "partition"; readonly status: PartitionStatus }
  | { readonly kind: "watermark"; readonly time: number; readonly idle: boolean }
  | { readonly kind: "inputEnd"; readonly input: number }
  | { readonly kind: "barrier"; readonly epoch: number }
  | { readonly kind: "end"; readonly how: EndKind };

interface Input {
  readonly channel: Channel;
  watermark: number;
  idle: boolean;
  /** Stands behind this epoch's barrier until the others have it too. */
  barrier: number | undefined;
  ended: "no" | EndKind;
}

/**
 * The inputs of an actor as one: watermarks are combined by minimum (an idle or ended input does not count), a barrier leaves when every
 * input has it (the faster ones wait; an ended input counts), and the end when all have ended.
 */
export class Inbox {
  readonly #inputs: Input[];
  readonly #isAbandoned: (epoch: number) => boolean;
  #turn = 0;
  #watermark = Number.NEGATIVE_INFINITY;
  #idle = false;
  #endTaken = false;
  /** A barrier or an end has come on some input, so that it may have come on all. */
  #marked = false;
  /** An input has ended, which may move the combined watermark. */
  #recombine = false;

  constructor(channels: readonly Channel[], isAbandoned: (epoch: number) => boolean) {
    this.#inputs = channels.map((channel) => ({
      channel,
      watermark: Number.NEGATIVE_INFINITY,
      idle: false,
      barrier: undefined,
      ended: "no",
    }));
    this.#isAbandoned = isAbandoned;
  }

  get watermark(): number {
    return this.#watermark;
  }

  /** A barrier has come on some inputs and is awaited on others. */
  get aligning(): boolean {
    return this.#inputs.some((input) => input.barrier !== undefined);
  }

  /** A barrier or a stop waits behind values. */
  get urgent(): boolean {
    return this.#inputs.some(({ channel }) => channel.urgent);
  }

  /** See {@link Channel.overdraw}. */
  overdraw(overdrawn: boolean): void {
    for (const { channel } of this.#inputs) channel.overdraw(overdrawn);
  }

  /** Something has come and is not taken, though no other input is awaited. */
  get waiting(): boolean {
    return this.#inputs.some((input) => input.barrier === undefined && !input.channel.empty);
  }

  /** Takes the next thing, from inputs that `accepts` in turns; undefined: nothing to take now. */
  next(accepts: (input: number) => boolean): Incoming | undefined {
    for (;;) {
      if (this.#marked) {
        const mark = this.#moved() ?? this.#aligned() ?? this.#end();
        if (mark !== undefined) return mark;
      }
      const taken = this.#take(accepts);
      if (taken === undefined) return undefined;
      const incoming = this.#absorb(taken.item, taken.input);
      if (incoming !== undefined) return incoming;
    }
  }

  /** No more is wanted: the producers see their channels closed. */
  close(): void {
    for (const { channel } of this.#inputs) channel.close();
  }

  /** The epoch is given up: inputs that wait behind its barrier go on. */
  abandon(epoch: number): void {
    for (const input of this.#inputs) if (input.barrier === epoch) input.barrier = undefined;
  }

  #take(accepts: (input: number) => boolean): { item: Item; input: number } | undefined {
    const count = this.#inputs.length;
    for (let i = 0; i < count; i++) {
      const place = (this.#turn + i) % count;
      const input = this.#inputs[place] as Input;
      if (input.barrier !== undefined || input.channel.empty || !accepts(place)) continue;
      this.#turn = (place + 1) % count;
      return { item: input.channel.shift() as Item, input: place };
    }
    return undefined;
  }

  #absorb(item: Item, place: number): Incoming | undefined {
    const input = this.#inputs[place] as Input;
    switch (item.kind) {
      case "batch":
        return { kind: "batch", batch: item, input: place };
      case "partition":
        // Below a merge partitions can no longer be told apart, and nothing there asks for them.
        return this.#inputs.length === 1 ? { kind: "partition", status: item } : undefined;
      case "watermark":
        input.watermark = Math.max(input.watermark, item.time);
        input.idle = item.idle;
        return this.#combine();
      case "barrier":
        if (!this.#isAbandoned(item.epoch)) input.barrier = item.epoch;
        this.#marked = true;
        return undefined;
      default:
        input.ended = item.how;
        this.#recombine = true;
        this.#marked = true;
        return item.how === "complete" && this.#inputs.length > 1 ? { kind: "inputEnd", input: place } : undefined;
    }
  }

  #moved(): Incoming | undefined {
    if (!this.#recombine) return undefined;
    this.#recombine = false;
    return this.#combine();
  }

  #combine(): Incoming | undefined {
    let time = Number.POSITIVE_INFINITY;
    let live = 0;
    for (const input of this.#inputs) {
      if (input.idle || input.ended === "complete") continue;
      live++;
      if (input.watermark < time) time = input.watermark;
    }
    const ended = this.#inputs.every((input) => input.ended === "complete");
    // At a complete end the actor itself moves its stages to +∞, after what they still emit.
    if (ended) return undefined;
    const idle = live === 0;
    if (idle) time = this.#watermark;
    const moved = time > this.#watermark;
    if (!moved && idle === this.#idle) return undefined;
    if (moved) this.#watermark = time;
    this.#idle = idle;
    return { kind: "watermark", time: this.#watermark, idle };
  }

  #aligned(): Incoming | undefined {
    let epoch: number | undefined;
    for (const input of this.#inputs) {
      if (input.barrier !== undefined) epoch = input.barrier;
      else if (input.ended === "no") return undefined;
    }
    if (epoch === undefined) return undefined;
    for (const input of this.#inputs) input.barrier = undefined;
    this.#marked = this.#inputs.some((input) => input.ended !== "no");
    return { kind: "barrier", epoch };
  }

  #end(): Incoming | undefined {
    if (this.#endTaken || this.#inputs.some((input) => input.ended === "no")) return undefined;
    this.#endTaken = true;
    const kinds = this.#inputs.map((input) => input.ended as EndKind);
    return {
      kind: "end",
      how: kinds.every((how) => how === "complete") ? "complete" : kinds.includes("fired") ? "fired" : "stopped",
    };
  }
}
