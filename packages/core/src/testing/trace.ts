import { createHash, type Hash } from "node:crypto";

/** Everything that happened in a simulated run, as one hash: two runs of a seed that differ anywhere have different ones. */
export class Trace {
  readonly #hash: Hash = createHash("sha256");
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(what: string, ...facts: readonly unknown[]): void {
    this.#hash.update(
      JSON.stringify([this.#now(), what, ...facts], (_, value) =>
        typeof value === "bigint" ? `${value}n` : value instanceof Map || value instanceof Set ? [...value] : value,
      ),
    );
  }

  digest(): string {
    return this.#hash.digest("hex");
  }
}
