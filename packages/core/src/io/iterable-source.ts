import type { Source, SourceContext, SourceReader } from "../connector.js";
import { preview, StreamError } from "../errors.js";
import { ArrayReader, AsyncReader, type Begun, SyncReader } from "./iterable-readers.js";
import { SinglePartition } from "./single-partition.js";

/**
 * What `from()` takes beside a Source. A function is called anew at each start; its signal ends when its values are no longer wanted.
 *
 * @example
 * ```ts
 * import { from, type IterableInput } from "@millrace/core";
 * const squares: IterableInput<number> = function* () { for (let n = 1; n <= 3; n++) yield n * n; };
 * console.log(await from(squares).collect()); // [1, 4, 9]
 * ```
 */
export type IterableInput<T> =
  | Iterable<T>
  | AsyncIterable<T>
  | ((signal: AbortSignal) => AsyncIterable<T> | Iterable<T>);

/** A source over an iterable. `oneShot`: its values can be had only once, so a run with a checkpoint refuses it (`E_ONE_SHOT`). */
export interface IterableSource<out T> extends Source<T> {
  readonly oneShot: boolean;
}

/** The parts of Node and web streams that are used here. */
interface Emitter {
  on(event: string, listener: () => void): unknown;
  destroy?(): unknown;
}
interface WebReader<T> {
  read(): Promise<IteratorResult<T>>;
  cancel(): Promise<void>;
}

/**
 * Whether the values of `input` can be had only once: an iterator or generator object, a Node stream or emitter, a web stream. Arrays,
 * sets, objects with an iterator method of their own, and functions are begun anew each time.
 */
export function isOneShot(input: unknown): input is object {
  if (typeof input !== "object" || input === null) return false;
  if (isWebStream(input) || isEmitter(input)) return true;
  if (typeof (input as { next?: unknown }).next !== "function") return false;
  const begin = iteratorMethod(input);
  return begin !== undefined && begin.call(input) === input;
}

/**
 * A bounded source over an iterable, an async iterable, or a function that returns one. Its position is the number of values read; a
 * restart begins the iterable or function again and skips to the saved number. One read takes up to 1,024 values of an array, up to
 * 256 of a plain iterable, and of an async iterable what is there, at least one value, without waiting for more. `close()` calls the
 * iterator's `return()` once, unless it ended by itself, and aborts the signal given to a function.
 *
 * Throws `E_ARGUMENT` for what can not be iterated. Opening a one-shot input a second time, or at a saved position, fails with
 * `E_ONE_SHOT`; an input that ends before the saved position with `E_SOURCE`. What the iterator throws fails the read as it is.
 *
 * @example
 * ```ts
 * import { iterableSource } from "./iterable-source.js";
 * const numbers = iterableSource(function* () { for (let n = 0; ; n++) yield n; }, "numbers");
 * ```
 */
export function iterableSource<T>(input: IterableInput<T>, name: string): IterableSource<T> {
  // Not requireArgument: the text of a large array would be made each time only to be thrown away.
  if (typeof input !== "function" && iteratorMethod(input) === undefined && !isWebStream(input))
    throw new StreamError(
      "E_ARGUMENT",
      `source "${name}" must be an iterable, an async iterable, a function that returns one, or a Source; it is ${preview(input)}`,
    );
  const oneShot = isOneShot(input);
  /** Iterators already handed out: an object may give the same one each time without being one itself. */
  const begun = new WeakSet<object>();
  return {
    name,
    bounded: true,
    oneShot,
    replays: !oneShot,
    async connect(context) {
      return new SinglePartition(name, (position) => open(input, position ?? 0, { name, oneShot, begun, context }));
    },
  };
}

interface Opening {
  readonly name: string;
  readonly oneShot: boolean;
  readonly begun: WeakSet<object>;
  readonly context: SourceContext;
}

function open<T>(input: IterableInput<T>, from: number, opening: Opening): SourceReader<T> {
  const { name, oneShot, begun, context } = opening;
  if (oneShot && from > 0) throw refusal(name, `can not go back to position ${from}`);
  if (isPlainArray(input)) return new ArrayReader(input, from, name);
  const { sequence, interrupt } = produce(input, name, context.signal);
  // Before its iterator is asked for: a second iterator of a one-shot would share what is left of the values.
  if (isOneShot(sequence)) claim(begun, sequence, name);
  const reader = beginWebStream<T>(sequence) ?? begin(sequence, name);
  if (reader.iterator !== (sequence as unknown)) claim(begun, reader.iterator, name);
  const stop = (): void => {
    interrupt();
    reader.interrupt();
  };
  return reader.async
    ? new AsyncReader({ iterator: reader.iterator as AsyncIterator<T>, interrupt: stop }, from, name, context.logger)
    : new SyncReader({ iterator: reader.iterator as Iterator<T>, interrupt: stop }, from, name, context.clock);
}

function claim(begun: WeakSet<object>, thing: object, name: string): void {
  if (begun.has(thing)) throw refusal(name, "was already begun");
  begun.add(thing);
}

function refusal(name: string, why: string): StreamError {
  return new StreamError(
    "E_ONE_SHOT",
    `source "${name}" gives its values only once and ${why}: pass a function that makes it, such as () => input, or a Source that can resume`,
    { operator: name },
  );
}

/** Calls the function form, with a signal of its own that also ends with the run. */
function produce<T>(
  input: IterableInput<T>,
  name: string,
  runSignal: AbortSignal,
): { readonly sequence: Iterable<T> | AsyncIterable<T>; readonly interrupt: () => void } {
  if (typeof input !== "function") return { sequence: input, interrupt: () => {} };
  const controller = new AbortController();
  const { signal } = controller;
  if (runSignal.aborted) controller.abort(runSignal.reason);
  else runSignal.addEventListener("abort", () => controller.abort(runSignal.reason), { once: true, signal });
  const sequence = input(signal);
  if (iteratorMethod(sequence) === undefined && !isWebStream(sequence)) {
    controller.abort();
    throw new StreamError(
      "E_SOURCE",
      `the function of source "${name}" must return an iterable or async iterable at once (no promise); it returned ${preview(sequence)}`,
      { operator: name },
    );
  }
  return { sequence, interrupt: () => controller.abort() };
}

function begin<T>(
  sequence: Iterable<T> | AsyncIterable<T>,
  name: string,
): Begun<T, Iterator<T> | AsyncIterator<T>> & { readonly async: boolean } {
  const iterator = iteratorMethod(sequence)?.call(sequence) as Iterator<T> | AsyncIterator<T> | undefined;
  if (typeof iterator !== "object" || iterator === null || typeof iterator.next !== "function")
    throw new StreamError(
      "E_SOURCE",
      `source "${name}": its iterator method must return an iterator; it returned ${preview(iterator)}`,
      { operator: name },
    );
  // A Node stream answers return() only when its pending read is over: destroying it ends that.
  const interrupt = (): void => {
    if (isEmitter(sequence)) sequence.destroy?.();
  };
  return {
    iterator,
    interrupt,
    async: (sequence as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator] !== undefined,
  };
}

/** Through a reader, not the stream's own async iterator: that one's return() waits for a pending read, cancel() ends it. */
function beginWebStream<T>(sequence: unknown): (Begun<T, AsyncIterator<T>> & { readonly async: true }) | undefined {
  if (!isWebStream(sequence)) return undefined;
  const reader = sequence.getReader() as WebReader<T>;
  const iterator: AsyncIterator<T> = {
    next: () => reader.read(),
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
  return { iterator, interrupt: () => {}, async: true };
}

function isPlainArray<T>(input: IterableInput<T>): input is T[] {
  return Array.isArray(input) && input[Symbol.iterator] === Array.prototype[Symbol.iterator];
}

function isWebStream(input: unknown): input is { getReader(): unknown } {
  return (
    typeof input === "object" && input !== null && typeof (input as { getReader?: unknown }).getReader === "function"
  );
}

function isEmitter(input: unknown): input is Emitter {
  return typeof input === "object" && input !== null && typeof (input as { on?: unknown }).on === "function";
}

function iteratorMethod(input: unknown): ((this: unknown) => unknown) | undefined {
  if (input === null || input === undefined) return undefined;
  const { [Symbol.asyncIterator]: asyncMethod, [Symbol.iterator]: method } = input as {
    [Symbol.asyncIterator]?: unknown;
    [Symbol.iterator]?: unknown;
  };
  const found = asyncMethod ?? method;
  return typeof found === "function" ? (found as () => unknown) : undefined;
}
