import { performance } from "node:perf_hooks";

/** Something that does a bounded piece of work when it is its turn. */
export interface Actor {
  /** Waits for its turn. The scheduler's own note. */
  queued: boolean;
  /** Does a piece of work; true: there is more to do at once. */
  step(): boolean;
}

/** The event loop gets a macrotask after this long, so that timers, signals and heartbeats live beside an endless source. */
const MAX_SLICE_MS = 10;
/** Under a virtual clock the slice is counted, not measured: a run must not depend on the speed of the machine. */
const MAX_SLICE_STEPS = 64;

/** What is chained to it runs when the callbacks of this tick have; queueMicrotask() does the same at several times the price. */
const SOON: Promise<void> = Promise.resolve();

/**
 * Runs the actors that are ready, one piece of work each in turns. `pick` chooses who is next among n (a simulation draws it from its
 * seed); by default the one that waits longest.
 */
export class Scheduler {
  readonly #virtual: boolean;
  readonly #pick: ((count: number) => number) | undefined;
  readonly #failed: (error: unknown) => void;
  #ready: Actor[] = [];
  readonly #turn = (): void => this.#loop();
  #running = false;
  #armed = false;
  #sliceStart = performance.now();
  #steps = 0;
  #closed = false;
  /** Rises with every piece of work that moved something: how a stalled run is told from a busy one. */
  progress = 0;

  constructor(options: {
    readonly virtual: boolean;
    readonly pick?: ((count: number) => number) | undefined;
    readonly failed: (error: unknown) => void;
  }) {
    this.#virtual = options.virtual;
    this.#pick = options.pick;
    this.#failed = options.failed;
  }

  /** Nobody is ready. */
  get idle(): boolean {
    return this.#ready.length === 0 && !this.#running;
  }

  ready(actor: Actor): void {
    if (actor.queued || this.#closed) return;
    actor.queued = true;
    this.#ready.push(actor);
    if (!this.#armed && !this.#running) {
      this.#armed = true;
      void SOON.then(this.#turn);
    }
  }

  /** Something went wrong outside of a piece of work: the run can not go on. */
  fail(error: unknown): void {
    this.#failed(error);
  }

  close(): void {
    this.#closed = true;
    this.#ready = [];
  }

  #loop(): void {
    this.#armed = false;
    this.#running = true;
    while (this.#ready.length > 0) {
      if (this.#sliceIsOver()) {
        this.#yield();
        break;
      }
      const actor = this.#take();
      try {
        if (actor.step()) this.ready(actor);
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#running = false;
  }

  #take(): Actor {
    const place = this.#pick === undefined ? 0 : this.#pick(this.#ready.length);
    const actor = (place === 0 ? this.#ready.shift() : this.#ready.splice(place, 1)[0]) as Actor;
    actor.queued = false;
    return actor;
  }

  #sliceIsOver(): boolean {
    if (this.#virtual) return ++this.#steps >= MAX_SLICE_STEPS;
    return performance.now() - this.#sliceStart > MAX_SLICE_MS;
  }

  #yield(): void {
    this.#armed = true;
    setImmediate(() => {
      this.#sliceStart = performance.now();
      this.#steps = 0;
      this.#loop();
    });
  }
}
