import type { Key } from "../element.js";
import type { Batch, Emit, Stage, StageContext, StateChange } from "../stage.js";
import type { KeyedState } from "../state/keyed-state.js";

/** The key that stands for all values together, where a stream has no keys. */
export const ALL = "";

/** A stage whose state is one KeyedState: what all of them do with checkpoints, ttl and queries. */
export abstract class KeyedStage<S> implements Stage {
  protected readonly context: StageContext;
  protected readonly state: KeyedState<S>;
  protected readonly keyed: boolean;

  constructor(context: StageContext, state: KeyedState<S>, keyed: boolean) {
    this.context = context;
    this.state = state;
    this.keyed = keyed;
  }

  abstract onBatch(batch: Batch, emit: Emit, input: number): void;

  snapshot(): Iterable<StateChange> {
    return this.state.snapshot();
  }

  committed(): void {
    this.state.committed();
  }

  restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    this.state.restore(entries);
  }

  read(key: Key): unknown {
    return this.state.peek(this.keyed ? key : ALL, this.context.watermark())?.state;
  }

  /** Sets a key's state from the value at this place; `at` is its time for the ttl. */
  protected write(
    key: Key,
    cell: ReturnType<KeyedState<S>["find"]>,
    state: S,
    at: number,
    batch: Batch,
    place: number,
  ): void {
    if (this.state.write(key, cell, state, at) && this.keyed) this.context.newKey(key, batch, place);
  }
}
