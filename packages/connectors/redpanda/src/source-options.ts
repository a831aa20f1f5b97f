import type { Message } from "@millrace/core";
import type { RedpandaConnection } from "./redpanda-options.js";
import type { TopicChoice } from "./topic-names.js";

/** Options of `redpandaSource`. */
export interface RedpandaSourceOptions<T> extends RedpandaConnection {
  /**
   * A topic, several, or patterns that a topic's whole name must match (as of the start). With several or a pattern, partitions are called `topic/number`, and
   * keys can not be declared partitioned.
   */
  readonly topic: TopicChoice;
  /** Makes a value of a message. What it throws makes the message a dead letter of the first `onError` below. */
  readonly decode: (message: Message) => T;
  /** Default: the topics' names, joined by "+". */
  readonly name?: string;
  /** The consumer group that positions are committed to. Default: the topology's name. */
  readonly groupId?: string;
  /** Where a partition begins that has neither a saved nor a committed position; a map names an offset a partition. Default: the run's `startAt`. */
  readonly startAt?: "earliest" | "latest" | Date | ReadonlyMap<string, bigint>;
  /** Ends at what each partition holds when it is opened, as `stop()` would. */
  readonly stopAt?: "latest";
  /** Default "read_committed": messages of open and aborted transactions are not seen. */
  readonly isolation?: "read_committed" | "read_uncommitted";
  /** A saved position that retention has deleted: fail (default), or go on at the earliest message. */
  readonly onOutOfRange?: "fail" | "earliest";
  /** Bytes of messages that may wait for a full pipeline, in all partitions together (16 MB); a partition over its share is paused. */
  readonly bufferBytes?: number;
  /** Milliseconds after which the group takes a process that is silent for dead, and gives its partitions to others (30,000). */
  readonly sessionTimeoutMs?: number;
}
