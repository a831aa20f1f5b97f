import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const EVERY_MS = 5_000;
const MIB = 2 ** 20;

/** Looks at the heap behind a full collection every five seconds. */
export class HeapWatch {
  readonly #sizes: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor() {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    this.#timer = setInterval(() => {
      collect();
      this.#sizes.push(process.memoryUsage().heapUsed / MIB);
    }, EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The middle of the second and of the last quarter: what was needed to get going is behind. */
  get quarters(): { readonly second: number; readonly last: number } {
    const quarter = Math.floor(this.#sizes.length / 4);
    const middle = (from: number): number => {
      const part = this.#sizes.slice(from, from + quarter).sort((left, right) => left - right);
      return part[Math.floor(part.length / 2)] ?? Number.NaN;
    };
    return { second: middle(quarter), last: middle(3 * quarter) };
  }
}
