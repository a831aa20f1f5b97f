/** Items by time, those of one time as they came. Mostly added at its end and taken from its front. */
export class TimeBuffer<I extends { readonly time: number }> {
  #items: I[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  add(item: I): void {
    let at = this.#items.length;
    while (at > this.#head && (this.#items[at - 1] as I).time > item.time) at--;
    if (at === this.#items.length) this.#items.push(item);
    else this.#items.splice(at, 0, item);
  }

  /** Takes an item out; one that is not in it is no error. */
  remove(item: I): void {
    if (this.#items[this.#head] === item) {
      this.#head++;
      if (this.#head * 2 > this.#items.length) {
        this.#items = this.#items.slice(this.#head);
        this.#head = 0;
      }
      return;
    }
    const at = this.#items.indexOf(item, this.#head);
    if (at >= 0) this.#items.splice(at, 1);
  }

  /** The items from one time to another, both included, in order. */
  *between(from: number, to: number): IterableIterator<I> {
    for (let at = this.#firstAt(from); at < this.#items.length; at++) {
      const item = this.#items[at] as I;
      if (item.time > to) return;
      yield item;
    }
  }

  /** The items up to a time, included, the latest first. */
  *backFrom(time: number): IterableIterator<I> {
    for (let at = this.#firstAt(time + 1) - 1; at >= this.#head; at--) yield this.#items[at] as I;
  }

  /** The place of the first item at or after a time. */
  #firstAt(time: number): number {
    let low = this.#head;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#items[middle] as I).time < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
