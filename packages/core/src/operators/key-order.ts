import type { Key } from "../element.js";
import { StreamError } from "../errors.js";
import { type Batch, MAX_BATCH, type StageContext } from "../stage.js";
import { CompletionOrder } from "./outbox.js";
import type { Work } from "./work.js";

/** The values of a key that have not left, in order. */
interface Queue {
  readonly works: Work[];
  readonly places: number[];
  head: number;
}

/** Results leave in the order they come, but those of one key in the order of its values, and none across a mark. */
export class KeyOrder extends CompletionOrder {
  readonly #where: string;
  readonly #queues = new Map<Key, Queue>();

  constructor(context: StageContext) {
    super(context);
    this.#where = context.operator;
  }

  override open(batch: Batch): Work {
    const work = super.open(batch);
    for (const [place, key] of keysOf(work, this.#where).entries()) {
      const queue = this.#queues.get(key);
      if (queue === undefined) {
        this.#queues.set(key, { works: [work], places: [place], head: 0 });
      } else {
        queue.works.push(work);
        queue.places.push(place);
      }
    }
    return work;
  }

  override settled(work: Work, place: number): void {
    const key = keysOf(work, this.#where)[place] as Key;
    const queue = this.#queues.get(key) as Queue;
    for (;;) {
      const next = queue.works[queue.head];
      const at = queue.places[queue.head] as number;
      if (next === undefined || !next.settled(at)) break;
      queue.head++;
      super.settled(next, at);
    }
    if (queue.head === queue.works.length) {
      this.#queues.delete(key);
    } else if (queue.head >= MAX_BATCH) {
      queue.works.splice(0, queue.head);
      queue.places.splice(0, queue.head);
      queue.head = 0;
    }
  }

  override clear(): void {
    super.clear();
    this.#queues.clear();
  }
}

/** The keys of a work's values. Throws `E_ARGUMENT` where there are none. */
export function keysOf({ batch }: Work, where: string): readonly Key[] {
  if (batch.keys !== null) return batch.keys;
  throw new StreamError(
    "E_ARGUMENT",
    `${where}: order "key" needs a keyed stream: call keyBy() before, or use order "input" or "any"`,
    { operator: where },
  );
}
