import { Stream } from "effect";
import type { Event, Result } from "../windows/event.js";
import type { WindowState } from "../windows/window-state.js";

/** An array in chunks of Effect's own default size: a single chunk as long as the input would not be a stream. */
export function fromChunked<T>(values: readonly T[]): Stream.Stream<T> {
  return Stream.fromIterable(values, { chunkSize: Stream.DefaultChunkSize });
}

/** Effect's own way to an operator with state that is told of the end. */
export function windowed(state: WindowState, events: Stream.Stream<Event>): Stream.Stream<Result> {
  return Stream.mapAccum(
    events,
    () => state,
    (held, event) => [held, held.add(event)],
    { onHalt: (held) => [...held.end()] },
  );
}
