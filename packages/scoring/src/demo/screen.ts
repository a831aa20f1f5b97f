/** Where text goes: a terminal or a pipe. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const FALLBACK_COLUMNS = 80;
const PLAIN_EVERY_MS = 5_000;

/**
 * Lines that stay and one line that is written again and again. The parts of that line are given with the most important first; what
 * does not fit into the terminal is left out. Without a terminal it is a plain line every five seconds.
 */
export class Screen {
  readonly #out: Output;
  readonly #now: () => number;
  #shown = false;
  #plainAt = Number.NEGATIVE_INFINITY;

  constructor(out: Output, now: () => number = Date.now) {
    this.#out = out;
    this.#now = now;
  }

  /** A line that stays. */
  line(text = ""): void {
    this.#erase();
    this.#out.write(`${text}\n`);
  }

  /** The line that changes. `force`: also without a terminal, at once. */
  status(parts: readonly string[], force = false): void {
    if (this.#out.isTTY === true) {
      this.#out.write(`\r\u001b[2K${fitted(parts, (this.#out.columns ?? FALLBACK_COLUMNS) - 1)}`);
      this.#shown = true;
    } else if (force || this.#now() - this.#plainAt >= PLAIN_EVERY_MS) {
      this.#plainAt = this.#now();
      this.#out.write(`${parts.join(" · ")}\n`);
    }
  }

  get width(): number {
    return this.#out.isTTY === true ? (this.#out.columns ?? FALLBACK_COLUMNS) : FALLBACK_COLUMNS;
  }

  #erase(): void {
    if (this.#shown) this.#out.write("\r\u001b[2K");
    this.#shown = false;
  }
}

/** As many parts as fit, in their order; the first one is cut if it has to be. */
export function fitted(parts: readonly string[], width: number): string {
  let line = "";
  for (const part of parts) {
    const longer = line === "" ? part : `${line} · ${part}`;
    if (longer.length > width) return line === "" ? part.slice(0, Math.max(0, width)) : line;
    line = longer;
  }
  return line;
}

/** `[#####.....]` */
export function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${"#".repeat(filled)}${".".repeat(width - filled)}]`;
}

/** 1234567 → 1,234,567 */
export function grouped(number: number): string {
  return Math.round(number)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Seconds as people say them. */
export function spoken(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, "0")}s`;
}
