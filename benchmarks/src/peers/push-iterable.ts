/** An async iterable that is pushed to, one value at a time. */
export class PushIterable<T> implements AsyncIterableIterator<T> {
  #waiting: ((result: IteratorResult<T>) => void) | undefined;
  #values: T[] = [];
  #ended = false;

  push(value: T): void {
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#values.push(value);
      return;
    }
    this.#waiting = undefined;
    waiting({ done: false, value });
  }

  end(): void {
    this.#ended = true;
    this.#waiting?.({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<T>> {
    const value = this.#values.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
