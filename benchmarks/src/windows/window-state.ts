import type { Event, Result } from "./event.js";

/** A hand-written window function. */
export interface WindowState {
  /** Adds an event; the results of the windows it closes, mostly none. */
  add(event: Event): readonly Result[];
  /** The results of what is still open at the end. */
  end(): readonly Result[];
}

/** The events and then undefined, for libraries whose operators are not told of the end. */
export async function* withEnd(events: AsyncIterable<Event>): AsyncGenerator<Event | undefined> {
  yield* events;
  yield undefined;
}
