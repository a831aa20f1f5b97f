import { type ChangeStreamDocument, Timestamp } from "mongodb";
import { describe, expect, it } from "vitest";
import { changeOf, SplitEvents } from "./mongo-change.js";

const event = (fields: object): ChangeStreamDocument =>
  ({ _id: { _data: "1" }, ...fields }) as unknown as ChangeStreamDocument;

describe("changes", () => {
  it("of documents, and not of collections", () => {
    const base = { ns: { db: "app", coll: "in" }, documentKey: { _id: 5 }, clusterTime: new Timestamp({ t: 7, i: 1 }) };
    expect(changeOf(event({ ...base, operationType: "insert", fullDocument: { _id: 5, n: 1 } }))).toEqual({
      kind: "insert",
      collection: "in",
      id: 5,
      document: { _id: 5, n: 1 },
      before: undefined,
      update: undefined,
      time: 7_000,
    });
    const update = { updatedFields: { n: 2 }, removedFields: [], truncatedArrays: [] };
    const updated = {
      ...base,
      operationType: "update",
      updateDescription: update,
      fullDocument: null,
      wallTime: new Date(7_500),
    };
    expect(changeOf(event(updated))).toMatchObject({ kind: "update", document: undefined, update, time: 7_500 });
    expect(
      changeOf(event({ ...base, operationType: "delete", fullDocumentBeforeChange: { _id: 5, n: 1 } })),
    ).toMatchObject({
      kind: "delete",
      document: undefined,
      before: { _id: 5, n: 1 },
    });
    for (const operationType of ["drop", "invalidate", "rename", "createIndexes"])
      expect(changeOf(event({ operationType, ns: base.ns }))).toBeUndefined();
  });

  it("of more than 16 MB are put together again", () => {
    const split = new SplitEvents();
    const whole = event({ operationType: "insert" });
    expect(split.add(whole)).toBe(whole);
    const part = (fragment: number, fields: object): ChangeStreamDocument =>
      ({
        _id: { _data: `2.${fragment}` },
        splitEvent: { fragment, of: 3 },
        ...fields,
      }) as unknown as ChangeStreamDocument;
    // One that was cut off before its end is forgotten.
    expect(split.add(part(1, { fullDocumentBeforeChange: "old" }))).toBeUndefined();
    expect(split.add(part(1, { operationType: "update", documentKey: { _id: 1 } }))).toBeUndefined();
    expect(split.add(part(2, { fullDocument: { a: 1 } }))).toBeUndefined();
    expect(split.add(part(3, { updateDescription: { updatedFields: {} } }))).toMatchObject({
      _id: { _data: "2.3" },
      operationType: "update",
      documentKey: { _id: 1 },
      fullDocument: { a: 1 },
      updateDescription: { updatedFields: {} },
    });
  });
});
