import type { ChangeStreamDocument, Document, UpdateDescription } from "mongodb";

/** A document as it was when the snapshot was taken, or a change of one. */
export interface MongoChange {
  readonly kind: "snapshot" | "insert" | "update" | "replace" | "delete";
  readonly collection: string;
  /** The document's `_id`. */
  readonly id: unknown;
  /** The whole document; of an update as it is when the change is read, which may be later. Undefined where it is deleted. */
  readonly document: Document | undefined;
  /** As it was before, where that was asked for and the collection keeps it. */
  readonly before: Document | undefined;
  /** What an update changed. */
  readonly update: UpdateDescription | undefined;
  /** When it happened, by the server's clock (ms). */
  readonly time: number;
}

const KINDS = { insert: "insert", update: "update", replace: "replace", delete: "delete" } as const;

/** A change of a document; undefined for what happens to a whole collection. */
export function changeOf(event: ChangeStreamDocument): MongoChange | undefined {
  const kind = KINDS[event.operationType as keyof typeof KINDS] as MongoChange["kind"] | undefined;
  if (kind === undefined) return undefined;
  const { documentKey, fullDocument, fullDocumentBeforeChange, updateDescription, ns } = event as unknown as {
    readonly documentKey: Document;
    readonly fullDocument?: Document | null;
    readonly fullDocumentBeforeChange?: Document | null;
    readonly updateDescription?: UpdateDescription;
    readonly ns: { readonly coll: string };
  };
  return {
    kind,
    collection: ns.coll,
    id: documentKey._id,
    document: fullDocument ?? undefined,
    before: fullDocumentBeforeChange ?? undefined,
    update: updateDescription,
    time: timeOf(event),
  };
}

export function timeOf(event: ChangeStreamDocument): number {
  const { wallTime, clusterTime } = event as {
    readonly wallTime?: Date;
    readonly clusterTime?: { readonly t: number };
  };
  return wallTime?.getTime() ?? (clusterTime?.t ?? 0) * 1_000;
}

/** Events of which some are only parts of a large one, `$changeStreamSplitLargeEvent` having cut it: whole again when the last part is there. */
export class SplitEvents {
  #parts: Document = {};

  /** The whole event, with the last part's token; undefined: more parts are to come. */
  add(event: ChangeStreamDocument): ChangeStreamDocument | undefined {
    const { splitEvent } = event as { readonly splitEvent?: { readonly fragment: number; readonly of: number } };
    if (splitEvent === undefined) return event;
    // Parts are top-level fields. A stream that was begun again between two of them gives the later ones only once.
    this.#parts = splitEvent.fragment === 1 ? { ...event } : { ...this.#parts, ...event };
    return splitEvent.fragment < splitEvent.of ? undefined : (this.#parts as ChangeStreamDocument);
  }
}
