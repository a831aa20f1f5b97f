/** Items by time, the earliest first. Items of one time leave in the order of `tie`, or in any order without one. */
export class TimeHeap<T> {
  readonly #times: number[] = [];
  readonly #items: T[] = [];
  readonly #tie: ((left: T, right: T) => number) | undefined;

  constructor(tie?: (left: T, right: T) => number) {
    this.#tie = tie;
  }

  get size(): number {
    return this.#times.length;
  }

  /** The earliest time, +Infinity when there is none. */
  get nextTime(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The item of the earliest time. */
  get next(): T | undefined {
    return this.#items[0];
  }

  push(time: number, item: T): void {
    let place = this.#times.length;
    this.#times.push(time);
    this.#items.push(item);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#before(time, item, parent)) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#put(place, time, item);
  }

  /** Takes the item of the earliest time. */
  pop(): T | undefined {
    const first = this.#items[0];
    const time = this.#times.pop();
    const item = this.#items.pop();
    if (time === undefined || this.#times.length === 0) return first;
    this.#sink(time, item as T);
    return first;
  }

  /** Finds the place of an item from the top down. */
  #sink(time: number, item: T): void {
    const size = this.#times.length;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(this.#times[child + 1] as number, this.#items[child + 1] as T, child))
        child++;
      if (this.#before(time, item, child)) break;
      this.#move(child, place);
      place = child;
    }
    this.#put(place, time, item);
  }

  #before(time: number, item: T, other: number): boolean {
    const otherTime = this.#times[other] as number;
    if (time !== otherTime) return time < otherTime;
    return this.#tie !== undefined && this.#tie(item, this.#items[other] as T) < 0;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] as number, this.#items[from] as T);
  }

  #put(place: number, time: number, item: T): void {
    this.#times[place] = time;
    this.#items[place] = item;
  }
}
