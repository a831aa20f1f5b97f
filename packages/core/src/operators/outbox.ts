import type { Batch, PartitionStatus, StageContext } from "../stage.js";
import { joinBatches, Work } from "./work.js";

/** What leaves between values. A barrier tells that everything before it is out. */
export type Mark =
  | { readonly kind: "watermark"; readonly time: number; readonly idle: boolean }
  | PartitionStatus
  | { readonly kind: "barrier"; readonly passed: () => void };

/** Holds results until they may leave. Values are counted from their arrival on, so that marks keep their place behind all of them. */
export interface Outbox {
  /** Values that have arrived and not left. */
  readonly size: number;
  /** Something may leave now. */
  readonly ready: boolean;
  /** A batch arrived. */
  open(batch: Batch): Work;
  /** The value at this place has its result in the work, or was dropped there. */
  settled(work: Work, place: number): void;
  /** A mark arrived. */
  mark(mark: Mark): void;
  /** Lets out what may leave; false: nobody below wants more. */
  flush(): boolean;
  /** Nothing will leave any more: barriers pass at once. */
  clear(): void;
}

/** What both orders share: telling marks, and emitting. */
class Door {
  readonly #context: StageContext;

  constructor(context: StageContext) {
    this.#context = context;
  }

  tell(mark: Mark): void {
    if (mark.kind === "watermark") this.#context.emitWatermark(mark.time, mark.idle);
    else if (mark.kind === "partition") this.#context.emitPartition(mark);
    else mark.passed();
  }

  /** Emits these as few batches, and leaves the list empty. */
  emit(batches: Batch[]): boolean {
    if (batches.length === 1) return this.#context.emit(batches.pop() as Batch);
    for (const batch of joinBatches(batches.splice(0))) if (!this.#context.emit(batch)) return false;
    return true;
  }
}

/** Results leave in the order of the values; marks in their place between them. */
export class InputOrder implements Outbox {
  readonly #door: Door;
  #items: (Work | Mark)[] = [];
  #size = 0;

  constructor(context: StageContext) {
    this.#door = new Door(context);
  }

  get size(): number {
    return this.#size;
  }

  get ready(): boolean {
    const head = this.#items[0];
    return head instanceof Work && head.headReady;
  }

  open(batch: Batch): Work {
    const work = new Work(batch);
    this.#items.push(work);
    this.#size += work.size;
    return work;
  }

  settled(): void {}

  mark(mark: Mark): void {
    if (this.#items.length === 0) this.#door.tell(mark);
    else this.#items.push(mark);
  }

  flush(): boolean {
    const batches: Batch[] = [];
    for (let item = this.#items[0]; item !== undefined; item = this.#items[0]) {
      if (item instanceof Work) {
        const before = item.taken;
        const prefix = item.takePrefix();
        this.#size -= item.taken - before;
        if (prefix !== undefined) batches.push(prefix);
        if (!item.over) break;
        this.#items.shift();
      } else {
        if (!this.#door.emit(batches)) return false;
        this.#items.shift();
        this.#door.tell(item);
      }
    }
    return this.#door.emit(batches);
  }

  clear(): void {
    for (const item of this.#items) if (!(item instanceof Work) && item.kind === "barrier") item.passed();
    this.#items = [];
    this.#size = 0;
  }
}

/** The values between two marks: free among themselves, but none may pass the marks. */
interface Segment {
  /** Values without result. */
  pending: number;
  /** Results that wait to leave, in the order they came. */
  readonly works: Work[];
  readonly places: number[];
  readonly marks: Mark[];
}

class SegmentWork extends Work {
  readonly segment: Segment;

  constructor(batch: Batch, segment: Segment) {
    super(batch);
    this.segment = segment;
  }
}

/** Results leave in the order they come, but never across a mark. */
export class CompletionOrder implements Outbox {
  readonly #door: Door;
  #segments: Segment[] = [];
  #size = 0;

  constructor(context: StageContext) {
    this.#door = new Door(context);
  }

  get size(): number {
    return this.#size;
  }

  get ready(): boolean {
    const head = this.#segments[0];
    return head !== undefined && (head.works.length > 0 || head.pending === 0);
  }

  open(batch: Batch): Work {
    const segment = this.#openSegment();
    const work = new SegmentWork(batch, segment);
    segment.pending += work.size;
    this.#size += work.size;
    return work;
  }

  settled(work: Work, place: number): void {
    const { segment } = work as SegmentWork;
    segment.pending--;
    if (work.has(place)) {
      segment.works.push(work);
      segment.places.push(place);
    } else {
      this.#size--;
    }
  }

  mark(mark: Mark): void {
    const last = this.#segments[this.#segments.length - 1];
    if (last === undefined) this.#door.tell(mark);
    else last.marks.push(mark);
  }

  flush(): boolean {
    const batches: Batch[] = [];
    for (let segment = this.#segments[0]; segment !== undefined; segment = this.#segments[0]) {
      this.#take(segment, batches);
      if (segment.pending > 0) break;
      if (segment.marks.length > 0 && !this.#door.emit(batches)) return false;
      this.#segments.shift();
      for (const mark of segment.marks) this.#door.tell(mark);
    }
    return this.#door.emit(batches);
  }

  clear(): void {
    for (const { marks } of this.#segments) for (const mark of marks) if (mark.kind === "barrier") mark.passed();
    this.#segments = [];
    this.#size = 0;
  }

  #openSegment(): Segment {
    const last = this.#segments[this.#segments.length - 1];
    if (last !== undefined && last.marks.length === 0) return last;
    const segment: Segment = { pending: 0, works: [], places: [], marks: [] };
    this.#segments.push(segment);
    return segment;
  }

  /** What is there of a segment, as batches: neighbours of one work together. */
  #take({ works, places }: Segment, batches: Batch[]): void {
    this.#size -= works.length;
    let from = 0;
    while (from < works.length) {
      const work = works[from] as Work;
      let to = from + 1;
      while (works[to] === work) to++;
      batches.push(work.take(places.slice(from, to)));
      from = to;
    }
    works.length = 0;
    places.length = 0;
  }
}
