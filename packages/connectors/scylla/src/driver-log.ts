import type { Logger } from "@millrace/core";

/** A host that is down makes the same four lines twice a second. */
const REPEAT_MS = 60_000;
const MAX_KINDS = 100;

/** The driver's log events for the run's logger: what it calls info, and what it said already, is for those who look for something. */
export class DriverLog {
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #told = new Map<string, number>();

  constructor(logger: Logger, now: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#now = now;
  }

  tell(level: string, text: string): void {
    if (level === "info") this.#logger.debug(text);
    if (level !== "error" && level !== "warning") return;
    if (this.#again(text)) this.#logger.debug(text);
    else if (level === "error") this.#logger.error(text);
    else this.#logger.warn(text);
  }

  /** Numbers in it differ from one time to the next: stream ids, sizes, delays. */
  #again(text: string): boolean {
    const kind = text.replace(/\d+/g, "#");
    const now = this.#now();
    const last = this.#told.get(kind);
    if (last !== undefined && now - last < REPEAT_MS) return true;
    if (this.#told.size >= MAX_KINDS) this.#told.clear();
    this.#told.set(kind, now);
    return false;
  }
}
