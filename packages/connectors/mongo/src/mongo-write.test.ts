import { Int32, Long, ObjectId } from "mongodb";
import { describe, expect, it } from "vitest";
import { modelOf, targetOf } from "./mongo-write.js";

describe("writes", () => {
  it("as the driver takes them", () => {
    expect(modelOf({ kind: "insertIgnore", document: { _id: 1, a: 2 } })).toEqual({
      updateOne: { filter: { _id: { $eq: 1 } }, update: { $setOnInsert: { a: 2 } }, upsert: true },
    });
    expect(modelOf({ kind: "replace", document: { _id: 1, a: 2 } })).toEqual({
      replaceOne: { filter: { _id: { $eq: 1 } }, replacement: { a: 2 }, upsert: true },
    });
    expect(modelOf({ kind: "set", id: 1, fields: { a: 2 } })).toEqual({
      updateOne: { filter: { _id: { $eq: 1 } }, update: { $set: { a: 2 } }, upsert: true },
    });
    expect(modelOf({ kind: "delete", id: 1 })).toEqual({ deleteOne: { filter: { _id: { $eq: 1 } } } });
    const own = { insertOne: { document: { a: 1 } } };
    expect(modelOf({ kind: "model", model: own })).toBe(own);
  });

  it("a guarded one compares on the server, and takes values that look like operators as values", () => {
    const document = { _id: 1, version: 7, text: "$version" };
    expect(modelOf({ kind: "guarded", document, version: "version" })).toEqual({
      updateOne: {
        filter: { _id: { $eq: 1 } },
        update: [
          {
            $replaceWith: { $cond: [{ $lt: ["$version", { $literal: 7 }] }, { $literal: document }, "$$ROOT"] },
          },
        ],
        upsert: true,
      },
    });
    expect(() => modelOf({ kind: "guarded", document: { _id: 1 }, version: "version" })).toThrow(
      /has no field "version"/,
    );
  });

  it("an id that is an operator is asked for as a value", () => {
    expect(modelOf({ kind: "delete", id: { $gt: "" } })).toEqual({
      deleteOne: { filter: { _id: { $eq: { $gt: "" } } } },
    });
  });

  it("without an id there are none: all such values would be one document", () => {
    for (const id of [undefined, null]) {
      expect(() => modelOf({ kind: "replace", document: { _id: id } })).toThrow(/has no _id/);
      expect(() => modelOf({ kind: "set", id, fields: {} })).toThrow(/has no _id/);
      expect(() => modelOf({ kind: "delete", id })).toThrow(/has no _id/);
    }
  });

  it("whose outcome is not one value's are refused, and kinds that are none", () => {
    expect(() => modelOf({ kind: "model", model: { deleteMany: { filter: {} } } })).toThrow(
      /updateMany and deleteMany/,
    );
    expect(() => modelOf({ kind: "upsert" } as never)).toThrow(/no write of kind "upsert"/);
  });

  it("of one document have one target, whatever the number's type", () => {
    const target = (id: unknown): string | undefined => targetOf({ kind: "delete", id });
    expect(new Set([1, 1n, new Int32(1), Long.fromNumber(1)].map(target)).size).toBe(1);
    expect(target("1")).not.toBe(target(1));
    expect(target(new ObjectId("00".repeat(12)))).not.toBe(target("00".repeat(12)));
    expect(target("\u00001")).not.toBe(target(1));
    expect(target({ a: 1n })).toBe(target({ a: 1 }));
    expect(targetOf({ kind: "model", model: { insertOne: { document: {} } } })).toBeUndefined();
  });
});
