import { Observable, type OperatorFunction } from "rxjs";
import type { Event, Result } from "../windows/event.js";
import type { WindowState } from "../windows/window-state.js";

/** An operator of its own, which is how one that is told of the end is written for RxJS. */
export function windowed(state: WindowState): OperatorFunction<Event, Result> {
  return (events) =>
    new Observable((subscriber) =>
      events.subscribe({
        next: (event) => {
          for (const result of state.add(event)) subscriber.next(result);
        },
        complete: () => {
          for (const result of state.end()) subscriber.next(result);
          subscriber.complete();
        },
        error: (error) => subscriber.error(error),
      }),
    );
}
