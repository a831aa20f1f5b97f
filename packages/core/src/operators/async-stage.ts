import { type Clock, WriteError } from "../connector.js";
import { StreamError } from "../errors.js";
import type { Batch, Emit, PartitionStatus, Stage, StageContext } from "../stage.js";
import { MAX_BATCH } from "../stage.js";
import type { Admission } from "./admission.js";
import type { Outbox } from "./outbox.js";
import type { Work } from "./work.js";

const SETTLED = Promise.resolve();

/** Values that an async stage holds beyond those that are under way. */
export function roomOf({ channelValues }: StageContext): number {
  return Math.min(MAX_BATCH, channelValues);
}

/** Runs a function when the callbacks of this turn of the event loop have run; under a virtual clock, which waits for what it knows of, of this tick. */
function inAWhile(clock: Clock): (fn: () => void) => void {
  return clock.virtual === true ? (fn) => void SETTLED.then(fn) : (fn) => void setImmediate(fn);
}

/**
 * A stage whose results come later. Begins at most `limit` values at a time, lets results out in order, those of a turn of the event loop
 * together, and keeps watermarks and barriers behind everything before them. What to do for a value is the subclass's: `begin`.
 */
export abstract class AsyncStage implements Stage {
  protected readonly context: StageContext;
  readonly #outbox: Outbox;
  readonly #admission: Admission;
  readonly #limit: number;
  readonly #capacity: number;
  readonly #inAWhile: (fn: () => void) => void;
  #begun = 0;
  /** A call from within is going on that will look again by itself. */
  #filling = false;
  #flushQueued = false;
  /** full() said yes, so the chain waits to be told when that changes. */
  #toldFull = false;
  #over = false;
  readonly #begin = (work: Work, place: number): void => {
    this.#begun++;
    this.begin(work, place);
  };

  constructor(context: StageContext, outbox: Outbox, admission: Admission, limit: number) {
    this.context = context;
    this.#outbox = outbox;
    this.#admission = admission;
    this.#limit = limit;
    this.#capacity = limit + roomOf(context);
    this.#inAWhile = inAWhile(context.clock);
  }

  /** Does what is to be done for the value at this place; ends in settle() or giveUp(), at once or later. */
  protected abstract begin(work: Work, place: number): void;

  /** Called whenever all that may be begun has been. */
  protected begunAll(): void {}

  /** Ends what is going on: nobody wants its results any more. */
  protected abstract cancel(): void;

  onBatch(batch: Batch): void {
    if (this.#over) return;
    const work = this.#outbox.open(batch);
    this.#admission.add(work);
    this.#fill();
    if (this.#outbox.ready) this.#flush();
  }

  onWatermark(time: number, _emit: Emit, idle: boolean): void {
    if (!this.#over) this.#outbox.mark({ kind: "watermark", time, idle });
  }

  onPartition(status: PartitionStatus): void {
    if (!this.#over) this.#outbox.mark(status);
  }

  onBarrier(): Promise<void> {
    if (this.#over) return Promise.resolve();
    return new Promise((passed) => {
      this.#outbox.mark({ kind: "barrier", passed });
    });
  }

  onEnd(): Promise<void> {
    return this.onBarrier();
  }

  full(): boolean {
    this.#toldFull = this.#isFull();
    return this.#toldFull;
  }

  busy(): boolean {
    return this.#begun > 0;
  }

  waiting(): string | undefined {
    if (this.#outbox.size === 0) return undefined;
    return `${this.#begun} values are under way, ${this.#admission.waiting} wait for them, ${this.#outbox.size - this.#begun - this.#admission.waiting} results wait for their turn`;
  }

  close(): void {
    this.#stop();
  }

  /** The result for the value at this place. */
  protected settle(work: Work, place: number, result: unknown): void {
    if (this.#over) return;
    work.done(place, result);
    this.#settled(work, place);
  }

  /** There will be no result for the value at this place: the error policy decides what that means. */
  protected giveUp(work: Work, place: number, error: unknown, attempts: number): void {
    if (this.#over) return;
    try {
      this.context.fail(error, work.batch, place, attempts);
    } catch (failure) {
      this.#fail(failure);
      return;
    }
    work.drop(place);
    this.#settled(work, place);
  }

  /** A failure of class `fatal` ends the run, whatever is to become of values that fail. True: this was one. */
  protected endsRun(error: unknown): boolean {
    if (!(error instanceof WriteError) || error.class !== "fatal") return false;
    const { operator } = this.context;
    this.#fail(
      new StreamError("E_OPERATOR", `operator "${operator}" can not go on: ${error.code}: ${error.message}`, {
        cause: error,
        operator,
      }),
    );
    return true;
  }

  /** Settles several values before the next are begun. */
  protected together(settleAll: () => void): void {
    this.#filling = true;
    settleAll();
    this.#filling = false;
    this.#goOn();
  }

  #isFull(): boolean {
    return !this.#over && (this.#admission.full || this.#outbox.size >= this.#capacity);
  }

  #settled(work: Work, place: number): void {
    this.#begun--;
    this.#outbox.settled(work, place);
    this.#admission.settled(work, place);
    if (!this.#filling) this.#goOn();
  }

  #goOn(): void {
    this.#fill();
    if (this.#flushQueued || !this.#outbox.ready) return;
    this.#flushQueued = true;
    this.#inAWhile(this.#flushLater);
  }

  /** Begins what may begin. A value that is settled at once makes room for the next: that is a turn of this loop, not a call in a call. */
  #fill(): void {
    this.#filling = true;
    while (this.#begun < this.#limit && !this.#over) if (!this.#admission.beginNext(this.#begin)) break;
    this.#filling = false;
    this.begunAll();
    this.#wake();
  }

  readonly #flushLater = (): void => {
    this.#flushQueued = false;
    if (this.#over || !this.#outbox.ready) return;
    try {
      this.#flush();
    } catch (error) {
      this.#fail(error);
    }
  };

  #flush(): void {
    if (!this.#outbox.flush()) this.#stop();
    this.#wake();
  }

  #wake(): void {
    if (!this.#toldFull || this.#isFull()) return;
    this.#toldFull = false;
    this.context.wake();
  }

  #fail(error: unknown): void {
    this.#stop();
    this.context.abort(error);
  }

  #stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.cancel();
    this.#admission.clear();
    this.#outbox.clear();
  }
}
