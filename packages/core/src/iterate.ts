import type { Sink } from "./connector.js";
import type { Run } from "./runtime/run-options.js";

/**
 * Runs a stream for a `for await` loop: one run an iteration, begun at the first `next()`. The run waits while the loop is busy with the
 * values of one write; `break` aborts it.
 */
export function iterateRun<T>(start: (sink: Sink<T>) => Run): AsyncIterator<T> {
  let run: Run | undefined;
  let values: readonly T[] = [];
  let place = 0;
  let taken: () => void = () => {};
  let arrived: () => void = () => {};
  let ended = false;
  let failure: { readonly error: unknown } | undefined;

  const sink: Sink<T> = {
    name: "iteration",
    writes: "append",
    metadata: false,
    connect: async () => ({
      open: async () => ({
        write: (next) =>
          new Promise<void>((resolve) => {
            values = next;
            place = 0;
            taken = resolve;
            arrived();
          }),
        close: async () => {},
      }),
      close: async () => {},
    }),
  };

  const begin = (): void => {
    run = start(sink);
    run.done.then(
      () => {
        ended = true;
        arrived();
      },
      (error) => {
        failure = { error };
        ended = true;
        arrived();
      },
    );
  };

  return {
    async next() {
      if (run === undefined && !ended) begin();
      for (;;) {
        if (place < values.length) {
          const value = values[place++] as T;
          if (place === values.length) taken();
          return { value, done: false };
        }
        if (failure !== undefined) {
          const { error } = failure;
          failure = undefined;
          throw error;
        }
        if (ended) return { value: undefined, done: true };
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
    },
    async return() {
      ended = true;
      if (run !== undefined) {
        run.abort();
        await run.done.catch(() => {});
      }
      failure = undefined;
      return { value: undefined, done: true };
    },
  };
}
