/** Something to be sent at a time. */
export interface Scheduled<T> {
  readonly sendAt: number;
  readonly value: T;
}

/** Hands values out by time, and values of one time in the order in which they were put in (a binary heap). */
export class SendQueue<T> {
  readonly #heap: { readonly sendAt: number; readonly order: number; readonly value: T }[] = [];
  #order = 0;

  put(sendAt: number, value: T): void {
    const heap = this.#heap;
    const entry = { sendAt, order: this.#order++, value };
    let place = heap.length;
    heap.push(entry);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(entry, heap[parent] as typeof entry)) break;
      heap[place] = heap[parent] as typeof entry;
      place = parent;
    }
    heap[place] = entry;
  }

  /** The first value with a time up to `time`, taken out. */
  takeUpTo(time: number): Scheduled<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.sendAt > time) return undefined;
    const last = heap.pop() as typeof first;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(entry: { readonly sendAt: number; readonly order: number; readonly value: T }): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (right < heap.length && before(heap[right] as typeof entry, heap[child] as typeof entry)) child = right;
      if (!before(heap[child] as typeof entry, entry)) break;
      heap[place] = heap[child] as typeof entry;
      place = child;
    }
    heap[place] = entry;
  }
}

function before(a: { sendAt: number; order: number }, b: { sendAt: number; order: number }): boolean {
  return a.sendAt < b.sendAt || (a.sendAt === b.sendAt && a.order < b.order);
}
