import type { Clock } from "../connector.js";
import { StreamError } from "../errors.js";
import type { Scheduler } from "./scheduler.js";
import type { Task } from "./task.js";

const STALL_MS = 30_000;

/**
 * Fails a run that can never move again: for 30 s a channel was full and nothing moved, although nobody outside (a sink's write, an async
 * call, a timer, a pause) is being waited for. That is a cycle of waiting, such as a zip of two branches of which one drops values.
 */
export class StallWatch {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #tasks: () => readonly Task[];
  readonly #failed: (error: unknown) => void;
  #cancel: (() => void) | undefined;
  #progress = -1;

  constructor(clock: Clock, scheduler: Scheduler, tasks: () => readonly Task[], failed: (error: unknown) => void) {
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#tasks = tasks;
    this.#failed = failed;
  }

  start(): void {
    this.#cancel = this.#clock.schedule(this.#clock.now() + STALL_MS, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
  }

  #look(): void {
    const { progress } = this.#scheduler;
    const full = this.#tasks().flatMap((task) =>
      [...task.channels].filter((channel) => !channel.closed && channel.full),
    );
    if (full.length > 0 && progress === this.#progress && this.#scheduler.idle && !this.#tasks().some(waitsOutside)) {
      const cycle = full.map(({ from, to }) => `${from} → ${to}`).join(", ");
      this.#failed(
        new StreamError(
          "E_STALLED",
          `nothing has moved for ${STALL_MS / 1000} s and these channels are full: ${cycle}. One of the operators below waits for a branch that brings it nothing`,
        ),
      );
      return;
    }
    this.#progress = progress;
    this.start();
  }
}

function waitsOutside(task: Task): boolean {
  return (
    task.sinks.some((sink) => sink.inFlight > 0) ||
    task.sources.some((source) => source.paused) ||
    task.chains.some((chain) =>
      chain.links.some(({ stage, wakeAt }) => wakeAt !== Number.POSITIVE_INFINITY || stage.busy?.() === true),
    )
  );
}
