import { type Sink, WriteError } from "../connector.js";
import { messageOf, preview } from "../errors.js";

/** A sink whose writes are one synchronous call on this process's memory. */
function callbackSink<T>(name: string, onValues: (values: readonly T[]) => void): Sink<T> {
  return {
    name,
    writes: "append",
    metadata: false,
    concurrency: 1,
    async connect() {
      return {
        open: async () => ({
          write: async (values) => onValues(values),
          close: async () => {},
        }),
        close: async () => {},
      };
    },
  };
}

/** Appends every value to `into`, in the order they come: what is behind `collect()`. */
export function collectSink<T>(into: T[]): Sink<T> {
  return callbackSink("collect", (values) => {
    for (const value of values) into.push(value);
  });
}

/**
 * Calls `fn` with every value, in the order they come: what is behind `forEach()`. When `fn` throws, the write fails for good
 * (`fatal`, `E_OPERATOR`, naming the value) and no later value is given to it. An `fn` that returns a promise fails in the same way:
 * nobody would wait for it.
 */
export function forEachSink<T>(fn: (value: T) => void): Sink<T> {
  return callbackSink("forEach", (values) => {
    for (const value of values) {
      let result: unknown;
      try {
        result = fn(value);
      } catch (cause) {
        throw new WriteError("fatal", "E_OPERATOR", `forEach() failed on ${preview(value)}: ${messageOf(cause)}`, {
          cause,
        });
      }
      if (typeof (result as PromiseLike<unknown> | undefined)?.then === "function")
        throw asynchronous(result as PromiseLike<unknown>);
    }
  });
}

function asynchronous(result: PromiseLike<unknown>): WriteError {
  // Its own failure would otherwise end the process as an unhandled rejection, hiding this error.
  result.then(undefined, () => {});
  return new WriteError(
    "fatal",
    "E_OPERATOR",
    "forEach() takes a synchronous function and got a promise: use mapAsync() before it",
  );
}

/** Remembers the newest value: what is behind `last()`. `value` is undefined before the first. */
export function lastSink<T>(): Sink<T> & { readonly value: T | undefined } {
  let last: T | undefined;
  const sink = callbackSink<T>("last", (values) => {
    if (values.length > 0) last = values[values.length - 1];
  });
  return {
    ...sink,
    get value() {
      return last;
    },
  };
}

/** Counts the values: what is behind `countAll()`. */
export function countSink(): Sink<unknown> & { readonly count: number } {
  let count = 0;
  const sink = callbackSink<unknown>("count", (values) => {
    count += values.length;
  });
  return {
    ...sink,
    get count() {
      return count;
    },
  };
}
