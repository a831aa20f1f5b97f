import { Readable, Transform, Writable } from "node:stream";

/** Pushes until the stream says it has enough: cheaper than Readable.from(), which goes through an async iterator. */
export function fromArray<T>(values: readonly T[]): Readable {
  let next = 0;
  return new Readable({
    objectMode: true,
    read() {
      while (next < values.length) if (!this.push(values[next++])) return;
      this.push(null);
    },
  });
}

export function map<T, U>(fn: (value: T) => U): Transform {
  return new Transform({
    objectMode: true,
    transform(value: T, _encoding, done) {
      done(null, fn(value));
    },
  });
}

export function filter<T>(predicate: (value: T) => boolean): Transform {
  return new Transform({
    objectMode: true,
    transform(value: T, _encoding, done) {
      if (predicate(value)) done(null, value);
      else done();
    },
  });
}

/** Any number of values for each; `atEnd` gives those that are left. */
export function flatMap<T, U>(fn: (value: T) => Iterable<U>, atEnd: () => Iterable<U> = () => []): Transform {
  return new Transform({
    objectMode: true,
    transform(value: T, _encoding, done) {
      for (const each of fn(value)) this.push(each);
      done();
    },
    flush(done) {
      for (const each of atEnd()) this.push(each);
      done();
    },
  });
}

export function batch<T>(size: number): Transform {
  let values: T[] = [];
  return new Transform({
    objectMode: true,
    transform(value: T, _encoding, done) {
      values.push(value);
      if (values.length < size) {
        done();
        return;
      }
      const full = values;
      values = [];
      done(null, full);
    },
    flush(done) {
      if (values.length > 0) this.push(values);
      done();
    },
  });
}

export function eachValue<T>(onValue: (value: T) => void): Writable {
  return new Writable({
    objectMode: true,
    write(value: T, _encoding, done) {
      onValue(value);
      done();
    },
  });
}
