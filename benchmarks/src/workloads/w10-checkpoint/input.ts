import { performance } from "node:perf_hooks";
import type { CheckpointConnection, CheckpointStore, Source } from "@millrace/core";

const FEED_BATCH = 1_000;

export interface CheckpointInput {
  readonly keys: number;
}

export function prepare(size: number): CheckpointInput {
  return { keys: size };
}

/** A source that is told what to give, as the queue of a broker is. */
export class Feed implements Source<number> {
  readonly name = "feed";
  readonly replays = false;
  #batches: number[][] = [];
  #given = 0;
  #ended = false;
  #wake: () => void = () => {};

  /** Resolves when all of it was taken. */
  async give(keys: readonly number[]): Promise<void> {
    for (let from = 0; from < keys.length; from += FEED_BATCH) this.#batches.push(keys.slice(from, from + FEED_BATCH));
    this.#wake();
    while (this.#batches.length > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async connect(): ReturnType<Source<number>["connect"]> {
    return {
      subscribe: (listener) => listener.assigned(["0"], 1),
      open: async () => ({ read: () => this.#read(), close: async () => this.end() }),
      comparePositions: (left, right) => Number(left) - Number(right),
      close: async () => {},
    };
  }

  async #read(): Promise<{ readonly values: readonly number[]; readonly position: string } | undefined> {
    while (this.#batches.length === 0 && !this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    const values = this.#batches.shift();
    if (values === undefined) return undefined;
    this.#given += values.length;
    return { values, position: String(this.#given) };
  }
}

/** A store that tells when something was committed. */
export class WatchedStore implements CheckpointStore {
  readonly name: string;
  readonly #store: CheckpointStore;
  #waiting: (() => void)[] = [];

  constructor(store: CheckpointStore) {
    this.name = store.name;
    this.#store = store;
  }

  async connect(context: Parameters<CheckpointStore["connect"]>[0]): Promise<CheckpointConnection> {
    const connection = await this.#store.connect(context);
    return {
      lease: (task, options) => connection.lease(task, options),
      release: (task, lease) => connection.release(task, lease),
      latestEpoch: (task, lease) => connection.latestEpoch(task, lease),
      close: () => connection.close(),
      commit: async (task, lease, checkpoint) => {
        await connection.commit(task, lease, checkpoint);
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const resolve of waiting) resolve();
      },
    };
  }

  async committed(times: number): Promise<void> {
    for (let i = 0; i < times; i++)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
  }
}

/** The longest time between two turns of the event loop while something runs, in ms. */
export async function longestBlock(during: () => Promise<void>): Promise<number> {
  let longest = 0;
  let running = true;
  let last = performance.now();
  const turn = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  await during();
  running = false;
  return longest;
}
