import { type Clock, type Duration, durationMs } from "@millrace/core";
import { requireArgument } from "../file/error-forms.js";
import { realPathOf, systemOf } from "../file/path.js";
import type { RetentionPlan } from "./retention.js";
import { MAX_PARTITIONS } from "./topic-tables.js";

/** How much of each partition is kept. What goes is deleted from its head; its newest message always stays. */
export interface TopicRetention {
  /** Messages older than this, by their timestamp, may go. Looked at every 10 s, with an append. */
  readonly age?: Duration;
  /** A partition holds at most so many bytes of keys, values and headers (24 more a message). Looked at with every append. */
  readonly bytes?: number;
}

/** Options of {@link sqliteTopic}. */
export interface SqliteTopicOptions {
  /** Path of the database file. Its directory must exist; the file is made if it is not there. */
  readonly file: string;
  /** Name of the topic in the file, and of its sources and sinks: `[A-Za-z0-9_.-]`, at most 100 long. */
  readonly name: string;
  /** How many partitions a new topic gets (4), at most 1,024. They can not change later; another number than the topic has is refused. */
  readonly partitions?: number;
  /** What is kept. Default: everything, for ever. */
  readonly retention?: TopicRetention;
  /** Under which name positions are committed. Default: the topology's. */
  readonly group?: string;
  /** How often a reader that waits looks for what other processes have appended (100 ms). */
  readonly pollInterval?: Duration;
  /** What a reader does when retention has deleted what it had still to read: end the run (`"fail"`, the default) or warn and go on at the head (`"skip"`). */
  readonly behindHead?: "fail" | "skip";
  /** How many bytes a transactional sink holds between two checkpoints (256 MB). */
  readonly maxBuffer?: number;
  /** The clock behind `append()` and `purge()`, which run outside of a topology. */
  readonly clock?: Pick<Clock, "now">;
}

/** The options with every default filled in, checked. */
export interface TopicSettings {
  readonly path: string;
  readonly system: string;
  readonly name: string;
  readonly partitions: number | undefined;
  readonly retention: RetentionPlan;
  readonly group: string | undefined;
  readonly pollMs: number;
  readonly behindHead: "fail" | "skip";
  readonly maxBuffer: number;
  readonly clock: Pick<Clock, "now">;
}

export const DEFAULT_MAX_BUFFER: number = 256 * 1024 * 1024;

/** Fills in the defaults; throws `E_ARGUMENT` or `E_DURATION`. */
export function planTopic(options: SqliteTopicOptions): TopicSettings {
  const { name, partitions, retention, behindHead = "fail", maxBuffer = DEFAULT_MAX_BUFFER } = options;
  const what = `sqliteTopic "${name}"`;
  requireName(name, "name");
  if (options.group !== undefined) requireName(options.group, "group");
  requireArgument(
    partitions === undefined || (Number.isInteger(partitions) && partitions >= 1 && partitions <= MAX_PARTITIONS),
    `${what}: partitions must be a whole number from 1 to ${MAX_PARTITIONS}; it is ${partitions}`,
  );
  requireArgument(
    behindHead === "fail" || behindHead === "skip",
    `${what}: behindHead must be "fail" or "skip"; it is ${JSON.stringify(behindHead)}`,
  );
  requireSize(maxBuffer, `${what}: maxBuffer`);
  if (retention?.bytes !== undefined) requireSize(retention.bytes, `${what}: retention.bytes`);
  const path = realPathOf(options.file);
  return {
    path,
    system: systemOf(path),
    name,
    partitions,
    retention: {
      ageMs: retention?.age === undefined ? undefined : durationMs(retention.age, `${what}: retention.age`),
      bytes: retention?.bytes,
    },
    group: options.group,
    pollMs: durationMs(options.pollInterval ?? 100, `${what}: pollInterval`),
    behindHead,
    maxBuffer,
    clock: options.clock ?? { now: () => Date.now() },
  };
}

function requireName(name: unknown, what: string): void {
  requireArgument(
    typeof name === "string" && /^[A-Za-z0-9_.-]{1,100}$/.test(name),
    `sqliteTopic: ${what} must be 1 to 100 of A-Z a-z 0-9 _ . -; it is ${JSON.stringify(name)}`,
  );
}

function requireSize(bytes: number, what: string): void {
  requireArgument(
    Number.isSafeInteger(bytes) && bytes > 0,
    `${what} must be a whole number of bytes above zero; it is ${bytes}`,
  );
}
