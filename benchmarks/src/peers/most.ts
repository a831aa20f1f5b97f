import { newStream, propagateTask, run } from "@most/core";
import { asap, newDefaultScheduler } from "@most/scheduler";
import type { Sink, Stream } from "@most/types";
import type { Event, Result } from "../windows/event.js";
import type { WindowState } from "../windows/window-state.js";

/** All values of an array in one task, which is how @most/core sends what is there already. */
export function fromArray<T>(values: readonly T[]): Stream<T> {
  return newStream<T>((sink, scheduler) =>
    asap(
      propagateTask(
        (time, all: readonly T[], to) => sendAll(time, all, to as unknown as Sink<T>),
        values,
        sink as never,
      ),
      scheduler,
    ),
  );
}

function sendAll<T>(time: number, values: readonly T[], sink: Sink<T>): void {
  for (const value of values) sink.event(time, value);
  sink.end(time);
}

/** Calls `onValue` with every value; resolves at the end. */
export function eachValue<T>(stream: Stream<T>, onValue: (value: T) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run(
      {
        event: (_time: number, value: T) => onValue(value),
        end: () => resolve(),
        error: (_time: number, error: Error) => reject(error),
      },
      newDefaultScheduler(),
      stream,
    );
  });
}

/** All values as one. The library's own `scan` emits every intermediate result, which nobody asks for here. */
export async function reduce<T, A>(fn: (accumulator: A, value: T) => A, initial: A, stream: Stream<T>): Promise<A> {
  let accumulator = initial;
  await eachValue(stream, (value) => {
    accumulator = fn(accumulator, value);
  });
  return accumulator;
}

/** A sink of its own, which is how an operator that is told of the end is written for @most/core. */
export function windowed(state: WindowState, events: Stream<Event>): Stream<Result> {
  return newStream((sink, scheduler) =>
    events.run(
      {
        event(time, event) {
          for (const result of state.add(event)) sink.event(time, result);
        },
        end(time) {
          for (const result of state.end()) sink.event(time, result);
          sink.end(time);
        },
        error: (time, error) => sink.error(time, error),
      },
      scheduler,
    ),
  );
}
