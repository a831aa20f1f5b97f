import { crc32 } from "node:zlib";
import { type StateEntry, StreamError } from "@millrace/core";
import { Binary, type Collection, type Document } from "mongodb";
import { type PackedEntry, PartWriter, readEntries } from "./entry-bytes.js";

/** Changes of one commit, or several commits' made into one. It can not be seen until a head names it. */
export interface Segment {
  /** The lease under which it was written, and its number under that. */
  readonly lease: number;
  readonly serial: number;
  readonly parts: number;
  readonly bytes: number;
  readonly entries: number;
}

interface PartId {
  readonly task: string;
  readonly lease: number;
  readonly serial: number;
  readonly part: number;
}

/** A document for each part: MongoDB's have at most 16 MB, and a value may have more. */
export interface PartDocument extends Document {
  readonly _id: PartId;
  readonly bytes: Binary;
  readonly sum: number;
}

export const PART_BYTES: number = 2 * 1024 * 1024;
/** Parts on their way at once. */
const IN_FLIGHT = 4;

/** The segments of one task. */
export class SegmentStore {
  readonly #parts: Collection<PartDocument>;
  readonly #task: string;
  readonly #partBytes: number;

  constructor(parts: Collection<PartDocument>, task: string, partBytes: number = PART_BYTES) {
    this.#parts = parts;
    this.#task = task;
    this.#partBytes = partBytes;
  }

  /** Writes sorted entries; undefined where there are none. */
  async write(
    lease: number,
    serial: number,
    entries: AsyncIterable<StateEntry> | Iterable<StateEntry>,
  ): Promise<Segment | undefined> {
    const writer = new PartWriter(this.#partBytes);
    let [part, bytes, count] = [0, 0, 0];
    const send = async (full: readonly Buffer[]): Promise<void> => {
      for (let from = 0; from < full.length; from += IN_FLIGHT)
        await Promise.all(
          full.slice(from, from + IN_FLIGHT).map((each) => {
            bytes += each.length;
            const _id: PartId = { task: this.#task, lease, serial, part: part++ };
            return this.#parts.insertOne({ _id, bytes: new Binary(each), sum: sumOf(_id, each) });
          }),
        );
    };
    for await (const entry of entries) {
      writer.add(entry);
      count++;
      const full = writer.take();
      if (full.length > 0) await send(full);
    }
    await send(writer.end());
    return part === 0 ? undefined : { lease, serial, parts: part, bytes, entries: count };
  }

  /** The entries of a segment. Throws `E_CHECKPOINT_CORRUPT` where they are not as they were written. */
  async *read(segment: Segment): AsyncGenerator<PackedEntry[]> {
    let count = 0;
    try {
      for await (const batch of readEntries(this.#partsOf(segment))) {
        count += batch.length;
        yield batch;
      }
    } catch (error) {
      throw error instanceof RangeError ? this.#corrupt(error.message) : error;
    }
    if (count !== segment.entries) throw this.#corrupt(`${count} of ${segment.entries} entries are there`);
  }

  /** Deletes segments that no head names any more. */
  async remove(segments: readonly Segment[]): Promise<void> {
    const ids = segments.flatMap(({ lease, serial, parts }) =>
      Array.from({ length: parts }, (_, part) => this.#id(lease, serial, part)),
    );
    if (ids.length > 0) await this.#parts.deleteMany({ _id: { $in: ids } });
  }

  /** Deletes what earlier holders wrote and no head came to name. What a later one writes has a higher lease, and is left alone however late this runs. */
  async removeOrphans(lease: number, live: readonly Segment[]): Promise<void> {
    const ids = live.flatMap((segment) =>
      Array.from({ length: segment.parts }, (_, part) => this.#id(segment.lease, segment.serial, part)),
    );
    const range = { $gte: { task: this.#task }, $lt: { task: this.#task, lease } };
    await this.#parts.deleteMany({ _id: { ...range, $nin: ids } } as Document);
  }

  async *#partsOf({ lease, serial, parts }: Segment): AsyncGenerator<Buffer> {
    for (let part = 0; part < parts; part++) {
      const _id = this.#id(lease, serial, part);
      const found = await this.#parts.findOne({ _id }, { promoteBuffers: true });
      if (found === null) throw this.#corrupt(`part ${part + 1} of ${parts} of a segment is missing`);
      const { bytes, sum } = found as unknown as { readonly bytes: Buffer; readonly sum: number };
      if (sumOf(_id, bytes) !== sum)
        throw this.#corrupt(`part ${part + 1} of a segment has changed since it was written`);
      yield bytes;
    }
  }

  #id(lease: number, serial: number, part: number): PartId {
    return { task: this.#task, lease, serial, part };
  }

  #corrupt(why: string): StreamError {
    return new StreamError(
      "E_CHECKPOINT_CORRUPT",
      `collection "${this.#parts.collectionName}": the checkpoint of task "${this.#task}" is damaged: ${why}. Restore the database from a backup; or name another collection for the checkpoints, which begins with empty state at the source's start`,
    );
  }
}

/** A part is in its place only: another one's bytes have another sum. */
function sumOf({ task, lease, serial, part }: PartId, bytes: Buffer): number {
  return crc32(bytes, crc32(`${task}\0${lease}\0${serial}\0${part}`));
}
