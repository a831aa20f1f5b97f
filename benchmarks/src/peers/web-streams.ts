import { ReadableStream, TransformStream, WritableStream } from "node:stream/web";

export function fromArray<T>(values: readonly T[]): ReadableStream<T> {
  let next = 0;
  return new ReadableStream<T>({
    pull(controller) {
      if (next < values.length) controller.enqueue(values[next++] as T);
      else controller.close();
    },
  });
}

export function map<T, U>(fn: (value: T) => U): TransformStream<T, U> {
  return new TransformStream<T, U>({
    transform(value, controller) {
      controller.enqueue(fn(value));
    },
  });
}

export function filter<T>(predicate: (value: T) => boolean): TransformStream<T, T> {
  return new TransformStream<T, T>({
    transform(value, controller) {
      if (predicate(value)) controller.enqueue(value);
    },
  });
}

/** Any number of values for each; `atEnd` gives those that are left. */
export function flatMap<T, U>(
  fn: (value: T) => Iterable<U>,
  atEnd: () => Iterable<U> = () => [],
): TransformStream<T, U> {
  return new TransformStream<T, U>({
    transform(value, controller) {
      for (const each of fn(value)) controller.enqueue(each);
    },
    flush(controller) {
      for (const each of atEnd()) controller.enqueue(each);
    },
  });
}

export function batch<T>(size: number): TransformStream<T, T[]> {
  let values: T[] = [];
  return new TransformStream<T, T[]>({
    transform(value, controller) {
      values.push(value);
      if (values.length < size) return;
      controller.enqueue(values);
      values = [];
    },
    flush(controller) {
      if (values.length > 0) controller.enqueue(values);
    },
  });
}

export function eachValue<T>(onValue: (value: T) => void): WritableStream<T> {
  return new WritableStream<T>({ write: (value) => onValue(value) });
}
