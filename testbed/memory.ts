import type { Sink } from "@millrace/core";

/** Heap and buffers in use after a collection, in bytes. The process must run with --expose-gc. */
function used(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const EVERY_MS = 250;

/** For programs that prove a limit: the most that memory has grown by since the watch began, looked at four times a second. */
export class MemoryWatch {
  readonly #before: number = used();
  readonly #timer: NodeJS.Timeout;
  #most = 0;

  constructor() {
    if (!("gc" in globalThis)) throw new Error("run it with --expose-gc: without a collection the numbers say nothing");
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  /** In MB. It is the last look. */
  end(): number {
    this.#look();
    clearInterval(this.#timer);
    return Math.round(this.#most / 1024 / 1024);
  }

  #look(): void {
    this.#most = Math.max(this.#most, used() - this.#before);
  }
}

/** A sink that takes nothing until it is told to go on. */
export class StalledSink {
  /** How many values it has taken. */
  count = 0;
  #go: () => void = () => {};
  readonly #going = new Promise<void>((resolve) => {
    this.#go = resolve;
  });

  readonly sink: Sink<unknown> = {
    name: "stalled",
    writes: "append",
    connect: async () => ({
      open: async () => ({
        write: async (values) => {
          await this.#going;
          this.count += values.length;
        },
        close: async () => {},
      }),
      close: async () => {},
    }),
  };

  go(): void {
    this.#go();
  }
}
