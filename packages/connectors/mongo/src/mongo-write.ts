import { type AnyBulkWriteOperation, BSON, type Document } from "mongodb";

/** What a value does to its collection. Each but `model` is idempotent: a replay leaves the same documents. */
export type MongoWrite =
  /** Insert; a document with this `_id` that is there already stays as it is. */
  | { readonly kind: "insertIgnore"; readonly document: Document & { readonly _id: unknown } }
  /** The whole document, in place of the one with its `_id`. */
  | { readonly kind: "replace"; readonly document: Document & { readonly _id: unknown } }
  /** Some fields of the document with this `_id`, which is made if it is not there. */
  | { readonly kind: "set"; readonly id: unknown; readonly fields: Document }
  /** The whole document, if its field named `version` is larger than that of the one that is there. */
  | { readonly kind: "guarded"; readonly document: Document & { readonly _id: unknown }; readonly version: string }
  | { readonly kind: "delete"; readonly id: unknown }
  /**
   * Any write model but updateMany and deleteMany. That it may be repeated is yours to see to (else give the sink `writes: "append"`); batches with such writes run
   * in order.
   */
  | { readonly kind: "model"; readonly model: AnyBulkWriteOperation };

/** The driver's form of a write. Throws a TypeError, whose message says what is wrong, for one that is none. */
export function modelOf(write: MongoWrite): AnyBulkWriteOperation {
  switch (write.kind) {
    case "insertIgnore": {
      const { _id, ...rest } = write.document;
      return { updateOne: { filter: byId(_id), update: { $setOnInsert: rest }, upsert: true } };
    }
    case "replace": {
      const { _id, ...rest } = write.document;
      return { replaceOne: { filter: byId(_id), replacement: rest, upsert: true } };
    }
    case "set":
      return { updateOne: { filter: byId(write.id), update: { $set: write.fields }, upsert: true } };
    case "guarded":
      return guarded(write.document, write.version);
    case "delete":
      return { deleteOne: { filter: byId(write.id) } };
    case "model":
      if ("updateMany" in write.model || "deleteMany" in write.model)
        throw new TypeError("updateMany and deleteMany can not be part of a sink: their outcome is not one value's");
      return write.model;
    default:
      throw new TypeError(`there is no write of kind ${JSON.stringify((write as { kind?: unknown }).kind)}`);
  }
}

/**
 * A pipeline decides on the server, so that an older write is no error: a filter that misses would become an insert that fails, and inside a transaction that would
 * end it.
 */
function guarded(document: Document, version: string): AnyBulkWriteOperation {
  const own: unknown = document[version];
  if (own === undefined || own === null)
    throw new TypeError(`a guarded write needs a version, and the document has no field "${version}"`);
  const newer = { $lt: [`$${version}`, { $literal: own }] };
  const update = [{ $replaceWith: { $cond: [newer, { $literal: document }, "$$ROOT"] } }];
  return { updateOne: { filter: byId(document._id), update, upsert: true } };
}

/** By $eq, so that an id such as `{ $gt: "" }` is a strange value and not a question. Without an id all values would be one document, that of null. */
function byId(id: unknown): Document {
  if (id === undefined || id === null) throw new TypeError("the document has no _id");
  return { _id: { $eq: id } };
}

/** Before the text of an id that is no string. */
const OTHER = "\u0000";

/** Which document a write is about, as text; undefined where only MongoDB knows. */
export function targetOf(write: MongoWrite): string | undefined {
  if (write.kind === "model") return undefined;
  const id = write.kind === "set" || write.kind === "delete" ? write.id : write.document._id;
  // As it is, where it can not be taken for the text of another id: its hash is known then.
  if (typeof id === "string") return id.startsWith(OTHER) ? `${OTHER}string ${id}` : id;
  // 1, 1n and Int32(1) are one id.
  return OTHER + BSON.EJSON.stringify(id);
}
