import { messageOf, type PoisonValue, type SourceBatch, type SourceReader } from "@millrace/core";
import { BSON, type BSONSerializeOptions, type Document } from "mongodb";
import { type Bound, idText } from "./id-text.js";
import { classifyRead } from "./mongo-errors.js";
import { RangeScan, type ScanPlan } from "./range-scan.js";
import { type Bounds, positionText, type RangePosition, rangeOf } from "./ranges.js";

export interface DocumentReaderParts<T> {
  readonly plan: ScanPlan;
  readonly partition: number;
  readonly start: RangePosition | undefined;
  readonly bounds: () => Promise<Bounds>;
  readonly bson: BSONSerializeOptions;
  readonly decode: (document: Document) => T;
}

/** Reads one range to its end. */
export class DocumentReader<T> implements SourceReader<T> {
  readonly #parts: DocumentReaderParts<T>;
  #count: number;
  #last: Bound | undefined;
  #scan: RangeScan | undefined;
  #closed = false;
  #ended = false;

  constructor(parts: DocumentReaderParts<T>) {
    this.#parts = parts;
    this.#count = parts.start?.count ?? 0;
    this.#last = parts.start?.last;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    if (this.#closed || this.#ended) return undefined;
    const { plan, partition, bounds } = this.#parts;
    try {
      const cuts = await bounds();
      const range = rangeOf(cuts, partition);
      if (range !== undefined && !this.#closed) {
        this.#scan ??= new RangeScan(plan, { from: range.from, after: this.#last, before: range.to });
        const batch = await this.#scan.next();
        // What was read while it was closed is read again by the next one.
        if (this.#closed) return undefined;
        if (batch !== undefined) {
          this.#last = batch.last;
          this.#count += batch.documents.length;
          const position = positionText({ count: this.#count, last: batch.last, bounds: cuts });
          return { ...decodeDocuments(batch.documents, this.#parts.bson, this.#parts.decode), position };
        }
      }
      this.#ended = true;
      return undefined;
    } catch (error) {
      if (this.#closed) return undefined;
      throw classifyRead(error);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#scan?.close();
  }
}

/** Values, each with its id as offset; what can not be decoded, aside. */
export function decodeDocuments<T>(
  documents: readonly Uint8Array[],
  bson: BSONSerializeOptions,
  decode: (document: Document) => T,
): Omit<SourceBatch<T>, "position"> {
  const values: T[] = [];
  const offsets: string[] = [];
  const poison: PoisonValue[] = [];
  let bytes = 0;
  for (const raw of documents) {
    bytes += raw.length;
    let offset = "";
    try {
      const document = BSON.deserialize(raw, { ...bson, raw: false });
      offset = idText(document._id);
      values.push(decode(document));
      offsets.push(offset);
    } catch (error) {
      // A copy: the bytes are a part of the server's whole answer.
      poison.push({ offset, raw: Uint8Array.from(raw), error: { code: "E_DECODE", message: messageOf(error) } });
    }
  }
  return { values, offsets, bytes, ...(poison.length === 0 ? {} : { poison }) };
}
