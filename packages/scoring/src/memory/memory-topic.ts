import type {
  AssignmentListener,
  Key,
  Position,
  Source,
  SourceBatch,
  SourceConnection,
  SourceReader,
} from "@millrace/core";
import type { Received } from "../event/decode-event.js";
import { hashText } from "../hash/hash-text.js";

/** A message before it has a place. */
export interface MemoryMessage {
  readonly key: string;
  readonly value: Uint8Array;
  readonly publishedAt: number;
}

const READ_SIZE = 256;

/** A topic in memory that ends: messages lie in partitions by their key, and positions committed survive a crash of the reader. */
export class MemoryTopic implements Source<Received> {
  readonly name = "citizen_events";
  readonly bounded = true;
  readonly partitioned = true;
  readonly #partitions: readonly Received[][];
  readonly #committed = new Map<string, Position>();

  constructor(messages: Iterable<MemoryMessage>, partitions: number) {
    this.#partitions = Array.from({ length: partitions }, () => []);
    for (const { key, value, publishedAt } of messages) {
      const partition = placeOf(key, partitions);
      const log = this.#partitions[partition] as Received[];
      log.push({ bytes: value, key, publishedAt, partition: String(partition), offset: log.length });
    }
  }

  /** All messages, partition after partition. */
  *messages(): Generator<Received> {
    for (const log of this.#partitions) yield* log;
  }

  async connect(): Promise<SourceConnection<Received>> {
    return {
      subscribe: (listener: AssignmentListener) =>
        listener.assigned(
          this.#partitions.map((_, index) => String(index)),
          1,
        ),
      open: async (partition, position) =>
        this.#reader(this.#partitions[Number(partition)] as Received[], Number(position ?? 0)),
      committed: async (partition) => this.#committed.get(partition),
      commit: async (positions) => {
        for (const [partition, position] of positions) this.#committed.set(partition, position);
      },
      comparePositions: (left, right) => Number(left) - Number(right),
      partitionOf: (key: Key, partitionCount) => String(placeOf(String(key), partitionCount)),
      close: async () => {},
    };
  }

  #reader(log: readonly Received[], from: number): SourceReader<Received> {
    let next = from;
    return {
      read: async (): Promise<SourceBatch<Received> | undefined> => {
        if (next >= log.length) return undefined;
        const values = log.slice(next, next + READ_SIZE);
        next += values.length;
        const offsets = values.map((value) => value.offset);
        return {
          values,
          offsets,
          times: values.map((value) => value.publishedAt),
          position: String(next),
          caughtUp: next === log.length,
        };
      },
      close: async () => {
        next = Number.POSITIVE_INFINITY;
      },
    };
  }
}

function placeOf(key: string, partitions: number): number {
  return hashText(key) % partitions;
}
