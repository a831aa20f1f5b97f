import type { Clock } from "../connector.js";
import type { Link } from "./link.js";

/** The clock times that the stages of a chain have asked for, behind one timer for the earliest of them. */
export class ChainTimers {
  readonly #links: readonly Link[];
  readonly #clock: Clock;
  readonly #due: () => void;
  #cancel: (() => void) | undefined;
  /** Armed for the earliest time a stage has asked for; Infinity: none has. */
  #at = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(links: readonly Link[], clock: Clock, due: () => void) {
    this.#links = links;
    this.#clock = clock;
    this.#due = due;
  }

  /** Calls the stages whose time has come; true: there were some. */
  run(): boolean {
    if (this.#at === Number.POSITIVE_INFINITY) return false;
    const now = this.#clock.now();
    if (now < this.#at) return false;
    let ran = false;
    for (const link of this.#links) {
      if (link.wakeAt > now) continue;
      link.wakeAt = Number.POSITIVE_INFINITY;
      link.stage.onTimer?.(now, link.emit);
      ran = true;
    }
    this.#at = Number.POSITIVE_INFINITY;
    this.arm();
    return ran;
  }

  arm(): void {
    const earliest = Math.min(...this.#links.map((link) => link.wakeAt));
    if (earliest >= this.#at || this.#closed) return;
    this.#cancel?.();
    this.#at = earliest;
    this.#cancel = this.#clock.schedule(earliest, this.#due);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }
}
