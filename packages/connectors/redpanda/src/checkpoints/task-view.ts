import {
  type CheckpointHead,
  type Clock,
  type LeaseHolder,
  parseCheckpointHead,
  type StateEntry,
  StreamError,
} from "@millrace/core";
import type { KafkaAdmin, KafkaLogReader, TopicPartition } from "../kafka-driver.js";
import { joinChunks, parseKey, type RecordKey } from "./task-records.js";

/** Who holds a task, as the topic says. */
export interface LeaseRecord extends LeaseHolder {
  readonly number: number;
}

const MAX_WAIT_MS = 200;
/** Somebody's open transaction hides what comes behind it until the broker gives it up. */
const GIVE_UP_MS = 60_000;

/** What the topic holds of one task, read from its beginning and then on. */
export class TaskView {
  readonly #log: KafkaLogReader;
  readonly #admin: KafkaAdmin;
  readonly #place: TopicPartition;
  readonly #task: string;
  readonly #clock: Clock;
  #offset: bigint | undefined;
  #lease: LeaseRecord | undefined;
  readonly #head = new Map<number, Uint8Array>();
  /** State and key as text → chunks. Undefined: no longer kept. */
  #entries: Map<string, { readonly record: RecordKey; readonly chunks: Map<number, Uint8Array> }> | undefined =
    new Map();

  constructor(log: KafkaLogReader, admin: KafkaAdmin, place: TopicPartition, task: string, clock: Clock) {
    this.#log = log;
    this.#admin = admin;
    this.#place = place;
    this.#task = task;
    this.#clock = clock;
  }

  get lease(): LeaseRecord | undefined {
    return this.#lease;
  }

  head(): CheckpointHead | undefined {
    const bytes = joinChunks(this.#head);
    if (bytes === undefined) return undefined;
    try {
      return parseCheckpointHead(Buffer.from(bytes).toString());
    } catch (cause) {
      throw this.#corrupt("its head can not be read", cause);
    }
  }

  /** Reads all that has been written up to now. */
  async readToEnd(): Promise<void> {
    const { topic, partition } = this.#place;
    const ends = async (): Promise<{ low: bigint; stable: bigint; high: bigint }> => {
      const found = (await this.#admin.offsets(topic)).find((one) => one.partition === partition);
      if (found === undefined)
        throw new StreamError("E_CHECKPOINT_STORE", `topic "${topic}" has no partition ${partition}`);
      return found;
    };
    const { low, high } = await ends();
    let offset = this.#offset ?? low;
    for (const until = this.#clock.now() + GIVE_UP_MS; offset < high; ) {
      const batch = await this.#log.fetch(this.#place, offset, MAX_WAIT_MS);
      if (batch === undefined || batch.quiet) {
        // Either a transaction is open, or compaction has left nothing up to the end.
        if ((await ends()).stable >= high) break;
        if (this.#clock.now() > until)
          throw new StreamError(
            "E_CHECKPOINT_STORE",
            `topic "${topic}", partition ${partition}: an open transaction hides what was written since offset ${offset}`,
          );
        continue;
      }
      for (const { key, value } of batch.messages) if (key !== undefined) this.#take(parseKey(key), value);
      offset = batch.nextOffset;
    }
    this.#offset = later(offset, high);
  }

  /** Chunks of an entry that is larger than one message. */
  *largeEntries(): Generator<readonly [text: string, chunks: number]> {
    for (const [text, { chunks }] of this.#entries ?? []) if (chunks.size > 1) yield [text, chunks.size];
  }

  /** Everything the last commit left, in pages; the bytes are the caller's. */
  async *pages(size: number): AsyncGenerator<readonly StateEntry[]> {
    if (this.#entries === undefined)
      throw new StreamError("E_CHECKPOINT_STORE", "state is read before the first commit, not after it");
    let page: StateEntry[] = [];
    for (const { record, chunks } of this.#entries.values()) {
      const value = joinChunks(chunks);
      if (value === undefined) throw this.#corrupt(`an entry of state "${record.state}" is not whole`, undefined);
      page.push([record.state, record.key.slice(), value]);
      if (page.length < size) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  /** From now on only the lease and the head matter. */
  forgetEntries(): void {
    this.#entries = undefined;
  }

  #take(record: RecordKey, value: Uint8Array | undefined): void {
    if (record.task !== this.#task) return;
    if (record.kind === "lease")
      this.#lease =
        value === undefined ? undefined : (JSON.parse(Buffer.from(value.subarray(4)).toString()) as LeaseRecord);
    else if (record.kind === "head") put(this.#head, record.chunk, value);
    else if (this.#entries !== undefined) {
      const text = entryText(record.state, record.key);
      const found = this.#entries.get(text) ?? { record, chunks: new Map<number, Uint8Array>() };
      put(found.chunks, record.chunk, value);
      if (found.chunks.size === 0) this.#entries.delete(text);
      else this.#entries.set(text, found);
    }
  }

  #corrupt(what: string, cause: unknown): StreamError {
    return new StreamError(
      "E_CHECKPOINT_CORRUPT",
      `the checkpoint of task "${this.#task}" in topic "${this.#place.topic}" is damaged: ${what}. Is the topic compacted, and nothing else?`,
      { cause },
    );
  }
}

function put(chunks: Map<number, Uint8Array>, chunk: number, value: Uint8Array | undefined): void {
  if (value === undefined) chunks.delete(chunk);
  else chunks.set(chunk, value);
}

/** A state and a key as one text: the length of the name keeps two pairs apart. */
export function entryText(state: string, key: Uint8Array): string {
  return `${state.length}:${state}${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1")}`;
}

/** Math.max() takes no bigint. */
function later(left: bigint, right: bigint): bigint {
  if (left > right) return left;
  return right;
}
