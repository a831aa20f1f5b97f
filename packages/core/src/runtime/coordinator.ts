import type { CheckpointDelta, SinkCommit, StateEntry } from "../connector.js";
import { StreamError } from "../errors.js";
import type { Chain } from "./chain.js";
import type { CoordinatorParts, Resumed } from "./coordinator-parts.js";
import { Epoch } from "./epoch.js";
import { EpochCommit } from "./epoch-commit.js";
import type { SinkDriver } from "./sink-driver.js";
import type { SourceDriver } from "./source-driver.js";

/** What a sink's flush gave: committed with the first epoch from this one on that succeeds. */
interface Flushed {
  readonly sink: string;
  readonly epoch: number;
  readonly commit: SinkCommit;
}

/** So often within its timeout an epoch is looked at. */
const LOOKS = 10;
/** So many checkpoints in a row may fail. */
const MAX_FAILURES = 3;

/**
 * Takes the checkpoints of one task, one at a time: a barrier behind the positions of every source, the changes of every stage as it passes,
 * the flush of every sink, one commit in the store, then the positions at the sources. An epoch that takes too long is given up; what it
 * held goes into the next.
 */
export class Coordinator {
  readonly #parts: CoordinatorParts;
  readonly #store: EpochCommit;
  #epoch: number;
  #current: Epoch | undefined;
  #abandoned = 0;
  #failures = 0;
  #cancelNext: (() => void) | undefined;
  /** As of the last commit. */
  #sinkStates: ReadonlyMap<string, Uint8Array>;
  /** In the order of the flushes; none of it has been committed yet. */
  #flushed: Flushed[] = [];
  #extraChanges: readonly StateEntry[];
  #settled: (() => void)[] = [];
  #closed = false;

  constructor(parts: CoordinatorParts, resumed: Resumed) {
    this.#parts = parts;
    this.#store = new EpochCommit(parts);
    this.#epoch = resumed.epoch;
    this.#sinkStates = resumed.sinkStates;
    this.#extraChanges = resumed.changes;
  }

  /** There is something to commit to: a store, or a source that keeps positions. */
  get active(): boolean {
    return (
      this.#parts.target !== undefined || this.#parts.sources.some(({ connection }) => connection.commit !== undefined)
    );
  }

  get epoch(): number {
    return this.#epoch;
  }

  start(): void {
    if (this.active) this.#scheduleNext();
  }

  isAbandoned(epoch: number): boolean {
    return epoch <= this.#abandoned;
  }

  /** The epoch that a sink's flush at the end of the input belongs to: the one under way, unless its barrier came before. */
  endEpoch(driver: SinkDriver): number {
    const current = this.#current;
    return current !== undefined && !current.committing && !current.hasPassed(driver)
      ? current.number
      : this.#epoch + 1;
  }

  /** The barrier that ends a stop: resolves when its epoch is committed. */
  async last(): Promise<void> {
    if (!this.active) return;
    this.#cancelNext?.();
    for (;;) {
      while (this.#current !== undefined) await this.#settle();
      if (this.#closed) return;
      const before = this.#failures;
      this.#begin();
      if (this.#current === undefined) return;
      await this.#settle();
      if (this.#failures <= before || this.#closed) return;
    }
  }

  /** The last commit of a run whose input is complete and everything of which is out. */
  async final(): Promise<void> {
    this.#cancelNext?.();
    while (this.#current !== undefined) await this.#settle();
    if (!this.active || this.#closed) return;
    while (!(await this.#commit(this.#newEpoch(), true)) && !this.#closed) this.#countFailure();
  }

  sourcePassed(driver: SourceDriver, epoch: number): void {
    if (this.#current?.number !== epoch) return;
    this.#current.sourcePassed(driver);
    this.#check();
  }

  chainPassed(chain: Chain, epoch: number): void {
    if (this.#current?.number !== epoch) return;
    this.#current.chainPassed(chain, this.#parts.snapshot(chain));
    this.#check();
  }

  sinkPassed(driver: SinkDriver, epoch: number, commit: SinkCommit | undefined): void {
    this.#keep(driver, epoch, commit);
    if (this.#current?.number !== epoch) return;
    this.#current.sinkPassed(driver);
    this.#check();
  }

  sinkEnded(driver: SinkDriver, epoch: number, commit: SinkCommit | undefined): void {
    this.#keep(driver, epoch, commit);
    this.#check();
  }

  /** Something ended: what an epoch waits for may be there now. */
  ended(): void {
    this.#check();
  }

  /** In words, what the checkpoint under way waits for. */
  waiting(): string | undefined {
    const epoch = this.#current;
    if (epoch === undefined) return undefined;
    return epoch.committing
      ? `checkpoint ${epoch.number} waits for ${this.#parts.target?.store ?? "the source"} to commit`
      : `checkpoint ${epoch.number} waits for ${epoch.holder()}`;
  }

  close(): void {
    this.#closed = true;
    this.#cancelNext?.();
    this.#current?.cancelTimeout();
    this.#current = undefined;
    this.#wakeSettled();
  }

  #keep(driver: SinkDriver, epoch: number, commit: SinkCommit | undefined): void {
    if (commit !== undefined) this.#flushed.push({ sink: driver.vertex.id, epoch, commit });
  }

  #scheduleNext(): void {
    const { clock, everyMs } = this.#parts;
    this.#cancelNext?.();
    if (!this.#closed) this.#cancelNext = clock.schedule(clock.now() + everyMs, () => this.#begin());
  }

  #newEpoch(): Epoch {
    return new Epoch(++this.#epoch, this.#parts.clock.now(), this.#parts);
  }

  #begin(): void {
    const { sources } = this.#parts;
    if (this.#closed || this.#current !== undefined || sources.every((source) => source.ended)) return;
    const epoch = this.#newEpoch();
    this.#current = epoch;
    this.#watch(epoch, Number.NaN, 0);
    for (const source of sources) if (!source.ended) source.requestBarrier(epoch.number);
  }

  /**
   * Gives the epoch up when for the timeout nothing has moved among those who hold it; `still` times in a row it looked, and nothing had. What is
   * only slow, such as a throttle with thousands of values before the barrier, gets its time.
   */
  #watch(epoch: Epoch, before: number, still: number): void {
    const { clock, timeoutMs } = this.#parts;
    epoch.cancelTimeout = clock.schedule(clock.now() + timeoutMs / LOOKS, () => {
      const moved = epoch.moved();
      if (moved !== before) this.#watch(epoch, moved, 0);
      else if (still + 1 < LOOKS) this.#watch(epoch, moved, still + 1);
      else this.#abandon(epoch);
    });
  }

  #check(): void {
    const epoch = this.#current;
    if (epoch === undefined || epoch.committing || !epoch.complete) return;
    epoch.cancelTimeout();
    epoch.committing = true;
    this.#commit(epoch, false).then(
      (done) => {
        if (!done && !this.#closed) {
          this.#abandoned = epoch.number;
          this.#countFailure();
        }
        this.#over();
      },
      (error) => this.#parts.failed(error),
    );
  }

  #over(): void {
    this.#current = undefined;
    this.#scheduleNext();
    this.#wakeSettled();
  }

  #abandon(epoch: Epoch): void {
    if (this.#current !== epoch || epoch.committing) return;
    const holder = epoch.holder();
    this.#abandoned = epoch.number;
    this.#store.lastFailure = new StreamError(
      "E_CHECKPOINT_STUCK",
      `checkpoints do not complete: for ${this.#parts.timeoutMs} ms nothing moves at ${holder}. Look why it hangs, or raise checkpoint.timeout`,
      { operator: holder },
    );
    this.#parts.logger.warn("checkpoint abandoned", { epoch: epoch.number, waitsFor: holder });
    for (const source of this.#parts.sources) source.abandon(epoch.number);
    for (const chain of this.#parts.chains) chain.abandon(epoch.number);
    for (const sink of this.#parts.sinks) sink.abandon(epoch.number);
    this.#countFailure();
    this.#over();
  }

  #countFailure(): void {
    if (++this.#failures >= MAX_FAILURES) this.#parts.failed(this.#store.lastFailure);
  }

  /** True: committed. False: not, and all of it goes into the next epoch. Throws where the run can not go on. */
  async #commit(epoch: Epoch, ended: boolean): Promise<boolean> {
    const { snapshot, clock, completed, committed } = this.#parts;
    const positions = epoch.positions();
    // What is to be deleted goes first: an operator may have written the same entry anew.
    const changes = [...this.#extraChanges, ...epoch.changes(snapshot)];
    const delta = this.#delta(epoch.number, ended, positions, changes);
    if (!(await this.#store.toStore(delta))) return false;
    this.#flushed = this.#flushed.filter((flushed) => flushed.epoch > epoch.number);
    this.#sinkStates = delta.sinkStates;
    this.#extraChanges = [];
    committed();
    if (!(await this.#store.toSources(positions))) return false;
    this.#failures = 0;
    completed(clock.now() - epoch.startedAt, changes.length);
    return true;
  }

  #delta(
    epoch: number,
    ended: boolean,
    positions: CheckpointDelta["positions"],
    changes: readonly StateEntry[],
  ): CheckpointDelta {
    const { facts, clock, watermarks } = this.#parts;
    const time = { processing: clock.now(), watermarks: new Map(watermarks()) };
    const sinkStates = new Map(this.#sinkStates);
    const commits: { sink: string; payload: unknown }[] = [];
    for (const { sink, commit, epoch: since } of this.#flushed) {
      // A sink at its end may have flushed for the next epoch already.
      if (since > epoch) continue;
      if (commit.state !== undefined) sinkStates.set(sink, commit.state);
      if (commit.commit !== undefined) commits.push({ sink, payload: commit.commit });
    }
    return { format: 1, epoch, ended, ...facts, positions, time, sinkStates, changes, commits };
  }

  #settle(): Promise<void> {
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  #wakeSettled(): void {
    const waiting = this.#settled;
    this.#settled = [];
    for (const wake of waiting) wake();
  }
}
