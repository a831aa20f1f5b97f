/** Operators as anybody would write them with the language alone. */
export async function* fromArray<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const value of values) yield value;
}

export async function* map<T, U>(fn: (value: T) => U, input: AsyncIterable<T>): AsyncGenerator<U> {
  for await (const value of input) yield fn(value);
}

export async function* filter<T>(predicate: (value: T) => boolean, input: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const value of input) if (predicate(value)) yield value;
}

/** Any number of values for each; `atEnd` gives those that are left. */
export async function* flatMap<T, U>(
  fn: (value: T) => Iterable<U>,
  input: AsyncIterable<T>,
  atEnd: () => Iterable<U> = () => [],
): AsyncGenerator<U> {
  for await (const value of input) for (const each of fn(value)) yield each;
  for (const each of atEnd()) yield each;
}

export async function* batch<T>(size: number, input: AsyncIterable<T>): AsyncGenerator<T[]> {
  let values: T[] = [];
  for await (const value of input) {
    values.push(value);
    if (values.length < size) continue;
    yield values;
    values = [];
  }
  if (values.length > 0) yield values;
}
