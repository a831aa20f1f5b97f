import type { Source } from "./connector.js";
import { type IterableInput, iterableSource } from "./io/iterable-source.js";
import type { Named, Stream } from "./stream.js";
import { streamOf } from "./stream-builder.js";

/**
 * Begins a stream: from a Source, an iterable, an async iterable (Node and web streams are), or a function that makes one. A function or a
 * re-iterable is begun again at a restart and skipped to the saved place; a one-shot input is refused under a checkpoint (E_ONE_SHOT).
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * const total = await from([1, 2, 3]).reduce((sum, n) => sum + n).last();
 * const ticks = from(async function* (signal) { for (let i = 0; !signal.aborted; i++) yield i; }, { name: "ticks" });
 * ```
 */
export function from<T>(input: Source<T> | IterableInput<T>, options: Named = {}): Stream<T> {
  if (isSource(input))
    return streamOf<T>({
      type: "source",
      source: options.name === undefined ? input : renamed(input, options.name),
      named: true,
      oneShot: false,
    });
  const source = iterableSource(input, options.name ?? "iterable");
  return streamOf<T>({ type: "source", source, named: options.name !== undefined, oneShot: source.oneShot });
}

function isSource<T>(input: Source<T> | IterableInput<T>): input is Source<T> {
  return (
    typeof input === "object" &&
    input !== null &&
    typeof (input as Source<T>).connect === "function" &&
    typeof (input as Source<T>).name === "string"
  );
}

/** Sources by the names they were given: the same one under the same name is one node. */
const named = new WeakMap<Source<unknown>, Map<string, Source<unknown>>>();

function renamed<T>(source: Source<T>, name: string): Source<T> {
  const byName = named.get(source) ?? new Map<string, Source<unknown>>();
  named.set(source, byName);
  const known = byName.get(name) ?? {
    name,
    ...(source.bounded === undefined ? {} : { bounded: source.bounded }),
    ...(source.partitioned === undefined ? {} : { partitioned: source.partitioned }),
    ...(source.replays === undefined ? {} : { replays: source.replays }),
    connect: (context) => source.connect(context),
  };
  byName.set(name, known);
  return known as Source<T>;
}
