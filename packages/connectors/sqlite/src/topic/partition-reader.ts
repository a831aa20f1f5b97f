import {
  type Logger,
  type Message,
  type PoisonValue,
  type SourceBatch,
  type SourceReader,
  StreamError,
} from "@millrace/core";
import { messageOf, sourceError } from "../file/error-forms.js";
import type { LogReader, LogRow } from "./log-reader.js";
import { unpackHeaders } from "./message-bytes.js";
import type { TailWatch } from "./tail-watch.js";

const MAX_VALUES = 1_024;
const MAX_BYTES = 1024 * 1024;

export interface PartitionReaderParts<T> {
  readonly path: string;
  readonly topic: string;
  readonly partition: string;
  readonly log: LogReader;
  readonly tail: TailWatch;
  readonly logger: Logger;
  readonly decode: (message: Message) => T;
  readonly behindHead: "fail" | "skip";
  /** The first offset to read. */
  readonly from: number;
  /** The first offset that is not read any more. */
  readonly to: number;
}

/** Reads one partition in order: what is there, then what comes. */
export class PartitionReader<T> implements SourceReader<T> {
  readonly #parts: PartitionReaderParts<T>;
  #position: number;
  #saidCaughtUp = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(parts: PartitionReaderParts<T>) {
    this.#parts = parts;
    this.#position = parts.from;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    try {
      while (!this.#closed && this.#position < this.#parts.to) {
        const batch = this.#next();
        if (batch !== undefined) return batch;
        await this.#more();
      }
      return undefined;
    } catch (error) {
      throw sourceError(error, this.#parts.path);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
  }

  /** What is there now; undefined where there is nothing, and that was said already. */
  #next(): SourceBatch<T> | undefined {
    const { log, to } = this.#parts;
    const { rows, bytes, cut } = log.read(this.#position, to, MAX_VALUES, MAX_BYTES);
    const first = rows[0]?.offset ?? log.bounds().head;
    if (first > this.#position) {
      this.#passHead(first);
      return rows.length === 0 ? this.#next() : this.#batch(rows, bytes, !cut);
    }
    if (rows.length > 0) return this.#batch(rows, bytes, !cut);
    if (this.#saidCaughtUp) return undefined;
    // An empty partition must say that it is, or it would hold the watermark for ever.
    return this.#batch([], 0, true);
  }

  #batch(rows: readonly LogRow[], bytes: number, caughtUp: boolean): SourceBatch<T> {
    const values: T[] = [];
    const offsets: number[] = [];
    const times: number[] = [];
    const poison: PoisonValue[] = [];
    for (const row of rows) {
      try {
        values.push(this.#parts.decode(messageOfRow(row, this.#parts.partition)));
        offsets.push(row.offset);
        times.push(row.timestamp);
      } catch (error) {
        poison.push({
          offset: row.offset,
          raw: new Uint8Array(row.value ?? []),
          error: { code: "E_DECODE", message: messageOf(error) },
        });
      }
      this.#position = row.offset + 1;
    }
    this.#saidCaughtUp = caughtUp;
    return {
      values,
      offsets,
      times,
      bytes,
      position: String(this.#position),
      caughtUp,
      ...(poison.length > 0 ? { poison } : {}),
    };
  }

  /** Retention has deleted what this reader had still to read. */
  #passHead(head: number): void {
    const { topic, partition, path, behindHead, logger } = this.#parts;
    const lost = head - this.#position;
    const message = `partition ${partition} of topic "${topic}" in ${path} begins at offset ${head}, and offset ${this.#position} was to be read: retention has deleted ${lost} ${lost === 1 ? "message" : "messages"} before they were read`;
    if (behindHead === "fail")
      throw new StreamError(
        "E_SQLITE_BEHIND_HEAD",
        `${message}. Keep more, read faster, or accept the loss with behindHead: "skip"`,
      );
    logger.warn(message, { topic, partition, lost });
    this.#position = head;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.tail.wait(() => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
    });
  }
}

/** A stored message as the user's `decode` sees it. */
export function messageOfRow(row: LogRow, partition: string): Message {
  return {
    key: row.key ?? undefined,
    value: row.value ?? undefined,
    headers: unpackHeaders(row.headers),
    timestamp: row.timestamp,
    partition,
    offset: BigInt(row.offset),
  };
}
