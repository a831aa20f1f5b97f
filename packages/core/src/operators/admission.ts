import type { Key } from "../element.js";
import { MAX_BATCH } from "../stage.js";
import { keysOf } from "./key-order.js";
import type { Work } from "./work.js";

/** Which value that waits is begun next. */
export interface Admission {
  /** Values that were not begun. */
  readonly waiting: number;
  /** So much waits that no more should come. */
  readonly full: boolean;
  add(work: Work): void;
  /** Begins the next value, if one may begin. */
  beginNext(begin: (work: Work, place: number) => void): boolean;
  /** The value at this place has its result, or none. */
  settled(work: Work, place: number): void;
  clear(): void;
}

/** Values are begun in the order they came. */
export class InTurn implements Admission {
  #works: Work[] = [];
  /** The first of the works that wait, and its first value that waits. */
  #head = 0;
  #place = 0;
  #waiting = 0;

  get waiting(): number {
    return this.#waiting;
  }

  get full(): boolean {
    return this.#waiting > 0;
  }

  add(work: Work): void {
    this.#works.push(work);
    this.#waiting += work.size;
  }

  beginNext(begin: (work: Work, place: number) => void): boolean {
    const work = this.#works[this.#head];
    if (work === undefined) return false;
    const place = this.#place++;
    this.#waiting--;
    if (this.#place === work.size) {
      this.#place = 0;
      this.#head++;
      if (this.#head === this.#works.length) {
        this.#works = [];
        this.#head = 0;
      }
    }
    begin(work, place);
    return true;
  }

  settled(): void {}

  clear(): void {
    this.#works = [];
    this.#head = 0;
    this.#place = 0;
    this.#waiting = 0;
  }
}

/** The values of a key that are running or wait: the first one runs, or may run. */
interface Lane {
  readonly works: Work[];
  readonly places: number[];
  /** Where the values that wait begin. */
  head: number;
}

/** Values of one key are begun one after another, those of different keys in the order they came. */
export class ByKey implements Admission {
  readonly #where: string;
  readonly #lanes = new Map<Key, Lane>();
  /** Lanes whose next value may begin. */
  #free: Lane[] = [];
  #freeHead = 0;
  #waiting = 0;

  constructor(where: string) {
    this.#where = where;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** One busy key must not keep the others away, so more is taken in than can be begun. */
  get full(): boolean {
    return this.#waiting >= MAX_BATCH;
  }

  add(work: Work): void {
    const keys = keysOf(work, this.#where);
    for (let place = 0; place < keys.length; place++) {
      const key = keys[place] as Key;
      const lane = this.#lanes.get(key);
      if (lane === undefined) {
        const fresh = { works: [work], places: [place], head: 0 };
        this.#lanes.set(key, fresh);
        this.#free.push(fresh);
      } else {
        lane.works.push(work);
        lane.places.push(place);
      }
    }
    this.#waiting += keys.length;
  }

  beginNext(begin: (work: Work, place: number) => void): boolean {
    const lane = this.#free[this.#freeHead];
    if (lane === undefined) return false;
    this.#freeHead++;
    if (this.#freeHead === this.#free.length) {
      this.#free = [];
      this.#freeHead = 0;
    }
    const work = lane.works[lane.head] as Work;
    const place = lane.places[lane.head] as number;
    lane.head++;
    this.#waiting--;
    begin(work, place);
    return true;
  }

  settled(work: Work, place: number): void {
    const key = (work.batch.keys as readonly Key[])[place] as Key;
    const lane = this.#lanes.get(key);
    if (lane === undefined) return;
    if (lane.head === lane.works.length) {
      this.#lanes.delete(key);
      return;
    }
    if (lane.head >= MAX_BATCH) {
      lane.works.splice(0, lane.head);
      lane.places.splice(0, lane.head);
      lane.head = 0;
    }
    this.#free.push(lane);
  }

  clear(): void {
    this.#lanes.clear();
    this.#free = [];
    this.#freeHead = 0;
    this.#waiting = 0;
  }
}
