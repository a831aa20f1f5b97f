import type { AnyBulkWriteOperation, Document } from "mongodb";

/** What a value does to its collection. Each is idempotent: a replay leaves the same documents. */
export type MongoWrite =
  /** Insert; a document with this `_id` that is there already stays as it is. */
  | { readonly kind: "insertIgnore"; readonly document: Document & { readonly _id: unknown } }
  /** The whole document, in place of the one with its `_id`. */
  | { readonly kind: "replace"; readonly document: Document & { readonly _id: unknown } }
  /** Some fields of the document with this `_id`, which is made if it is not there. */
  | { readonly kind: "set"; readonly id: unknown; readonly fields: Document }
  /** The whole document, if its `version` field is larger than that of the one that is there. */
  | { readonly kind: "guarded"; readonly document: Document & { readonly _id: unknown }; readonly version: string }
  | { readonly kind: "delete"; readonly id: unknown }
  /** Any write model. That it may be repeated is yours to see to; batches with such writes run in order. */
  | { readonly kind: "model"; readonly model: AnyBulkWriteOperation };

/** The driver's form of a write. */
export function modelOf(write: MongoWrite): AnyBulkWriteOperation {
  switch (write.kind) {
    case "insertIgnore": {
      const { _id, ...rest } = write.document;
      return { updateOne: { filter: { _id }, update: { $setOnInsert: rest }, upsert: true } } as AnyBulkWriteOperation;
    }
    case "replace":
      return {
        replaceOne: { filter: { _id: write.document._id }, replacement: withoutId(write.document), upsert: true },
      } as AnyBulkWriteOperation;
    case "set":
      return {
        updateOne: { filter: { _id: write.id }, update: { $set: write.fields }, upsert: true },
      } as AnyBulkWriteOperation;
    case "guarded": {
      const { document, version } = write;
      // Where a newer one is there the filter misses, and the upsert's insert fails on the _id (11000): the older write is over.
      return {
        replaceOne: {
          filter: { _id: document._id, [version]: { $lt: document[version] } },
          replacement: withoutId(document),
          upsert: true,
        },
      } as AnyBulkWriteOperation;
    }
    case "delete":
      return { deleteOne: { filter: { _id: write.id } } } as AnyBulkWriteOperation;
    default:
      return write.model;
  }
}

function withoutId({ _id, ...rest }: Document): Document {
  return rest;
}

/** Which document a write is about, as text; undefined where only MongoDB knows. */
export function targetOf(write: MongoWrite): string | undefined {
  if (write.kind === "model") return undefined;
  const id = write.kind === "set" || write.kind === "delete" ? write.id : write.document._id;
  return typeof id === "object" && id !== null ? JSON.stringify(id) : `${typeof id}:${String(id)}`;
}

/** A duplicate `_id` that only says that the write is done, or that a newer one is. */
export function settledByDuplicate(write: MongoWrite): boolean {
  return write.kind === "guarded" || write.kind === "insertIgnore";
}
