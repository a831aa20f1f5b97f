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

  /** The middle of each quarter, in MiB. In the first one is what is needed to get going. */
  get quarters(): readonly [number, number, number, number] {
    const quarter = Math.floor(this.#sizes.length / 4);
    const middle = (from: number): number => {
      const part = this.#sizes.slice(from, from + quarter).sort((left, right) => left - right);
      return part[Math.floor(part.length / 2)] ?? Number.NaN;
    };
    return [middle(0), middle(quarter), middle(2 * quarter), middle(3 * quarter)];
  }
}
