import { BSON, type Document } from "mongodb";

/** Values of the sort key, field by field: where a scan is. As text it keeps every BSON type, so that it finds its place again. */
export type Bound = Readonly<Record<string, unknown>>;

export function boundText(bound: Bound): string {
  return BSON.EJSON.stringify(bound, { relaxed: false });
}

export function parseBound(text: string): Bound {
  return BSON.EJSON.parse(text, { relaxed: false }) as Bound;
}

/** The sort key of a document in its bytes. A missing field stands in an index as null. */
export function boundOf(bytes: Uint8Array, fields: readonly string[]): Bound {
  // Numbers keep their type: 1 and 1.0 are sorted alike, and not written alike.
  const document = BSON.deserialize(bytes, { promoteValues: false });
  return Object.fromEntries(fields.map((field) => [field, valueAt(document, field) ?? null]));
}

/** The value of a field, a.b being b in a. */
export function valueAt(document: Document, path: string): unknown {
  let value: unknown = document;
  for (const name of path.split("."))
    value = typeof value === "object" && value !== null ? (value as Document)[name] : undefined;
  return value;
}

/** An id as the offset of its value. */
export function idText(id: unknown): string {
  return typeof id === "string" ? id : BSON.EJSON.stringify(id);
}
