import type { WriteContext } from "@millrace/core";
import { type AnyBulkWriteOperation, type Collection, MongoBulkWriteError } from "mongodb";
import { describe, expect, it } from "vitest";
import { BulkWriter, needsOrder, placeWrites } from "./bulk-writer.js";
import { type MongoWrite, modelOf } from "./mongo-write.js";

const context: WriteContext = {
  signal: new AbortController().signal,
  attempt: 1,
  ids: [],
  keys: [],
  times: [],
  origins: [],
};

/** A collection that refuses ids with these numbers, as a server does in order or not. */
function refusing(codes: Readonly<Record<string, number>>) {
  const calls: { readonly ids: readonly unknown[]; readonly ordered: boolean }[] = [];
  const written: unknown[] = [];
  const bulkWrite = async (models: readonly AnyBulkWriteOperation[], { ordered }: { ordered: boolean }) => {
    const ids = models.map((model) => Object.values(model)[0].filter._id.$eq as string);
    calls.push({ ids, ordered });
    const writeErrors: { index: number; code: number; errmsg: string }[] = [];
    for (const [index, id] of ids.entries()) {
      const code = codes[id];
      if (code === undefined) written.push(id);
      else {
        writeErrors.push({ index, code, errmsg: code === 11000 ? "E11000 index: _id_ dup key" : "refused" });
        if (ordered) break;
      }
    }
    if (writeErrors.length > 0)
      throw new MongoBulkWriteError(
        { message: "write error", code: 1, writeErrors } as never,
        {
          getWriteErrors: () => [],
          getWriteConcernError: () => undefined,
        } as never,
      );
  };
  return { collection: { bulkWrite } as unknown as Collection, calls, written };
}

const replace = (id: string): MongoWrite => ({ kind: "replace", document: { _id: id, n: 1 } });
const classes = (outcomes: readonly unknown[]): unknown[] =>
  outcomes.map((outcome) => (outcome as { class?: string }).class ?? outcome);

describe("a bulk write", () => {
  it("of different documents is one, in no order; what is refused is named, the others are written", async () => {
    const { collection, calls, written } = refusing({ b: 121, d: 121 });
    const writer = new BulkWriter(collection, replace, 30_000);
    const outcomes = await writer.write(["a", "b", "c", "d", "e"], context);
    expect(classes(outcomes)).toEqual(["written", "poison", "written", "poison", "written"]);
    expect(outcomes[1]).toEqual({ class: "poison", code: "E_MONGO_121", message: "MongoDB: refused" });
    expect([calls, written]).toEqual([[{ ids: ["a", "b", "c", "d", "e"], ordered: false }], ["a", "c", "e"]]);
  });

  it("with a document twice goes in order, and on behind what is refused", async () => {
    const { collection, calls, written } = refusing({ b: 121 });
    const outcomes = await new BulkWriter(collection, replace, 30_000).write(["a", "b", "a", "c"], context);
    expect(classes(outcomes)).toEqual(["written", "poison", "written", "written"]);
    expect(calls.map(({ ids, ordered }) => [ids.join(""), ordered])).toEqual([
      ["abac", true],
      ["ac", false],
    ]);
    expect(written).toEqual(["a", "a", "c"]);
  });

  it("in order stops behind what is tried again, so that an older value never replaces a newer one", async () => {
    const { collection, written } = refusing({ b: 112 });
    const outcomes = await new BulkWriter(collection, replace, 30_000).write(["a", "b", "a", "b"], context);
    expect(classes(outcomes)).toEqual(["written", "conflict", "transient", "transient"]);
    expect(outcomes[2]).toMatchObject({ code: "E_MONGO_STOPPED" });
    expect(written).toEqual(["a"]);
  });

  it("two upserts of one new document: the second tries again, an insert that may be ignored is done", async () => {
    const { collection } = refusing({ a: 11000 });
    expect(classes(await new BulkWriter(collection, replace, 30_000).write(["a"], context))).toEqual(["conflict"]);
    const ignore = (id: string): MongoWrite => ({ kind: "insertIgnore", document: { _id: id } });
    expect(classes(await new BulkWriter(collection, ignore, 30_000).write(["a", "b"], context))).toEqual([
      "written",
      "written",
    ]);
  });

  it("skips values that write nothing, and refuses those whose function throws", async () => {
    const { collection, written } = refusing({});
    const writer = new BulkWriter<string>(
      collection,
      (id) => {
        if (id === "bad") throw new Error("no such thing");
        return id === "none" ? undefined : replace(id);
      },
      30_000,
    );
    const outcomes = await writer.write(["none", "bad", "a"], context);
    expect(outcomes).toEqual([
      "written",
      { class: "poison", code: "E_MONGO_VALUE", message: "no such thing" },
      "written",
    ]);
    expect(written).toEqual(["a"]);
    expect(await writer.write(["none"], context)).toEqual(["written"]);
  });

  it("ends with the run, whatever the server does", async () => {
    const ending = new AbortController();
    const collection = { bulkWrite: () => new Promise(() => {}) } as unknown as Collection;
    const pending = new BulkWriter(collection, replace, 30_000).write(["a"], { ...context, signal: ending.signal });
    ending.abort(new Error("over"));
    await expect(pending).rejects.toMatchObject({ class: "fatal", code: "E_MONGO_ABORTED" });
  });
});

describe("the order of a bulk write", () => {
  const ordered = (...writes: readonly MongoWrite[]): boolean =>
    needsOrder(writes.map((write, place) => ({ place, write, model: modelOf(write) })));

  it("is free where each document is written once, and nothing is deleted beside other writes", () => {
    expect(ordered(replace("a"), { kind: "set", id: "b", fields: { a: 1 } })).toBe(false);
    expect(ordered({ kind: "delete", id: "a" }, { kind: "delete", id: "b" })).toBe(false);
    expect(ordered(replace("a"), { kind: "set", id: "a", fields: { a: 1 } })).toBe(true);
    // The driver sends the deletes last: what needs their room under a unique index would be refused.
    expect(ordered({ kind: "delete", id: "a" }, replace("b"))).toBe(true);
    expect(ordered({ kind: "model", model: { insertOne: { document: {} } } })).toBe(true);
  });

  it("keeps each write's place", () => {
    const outcomes: never[] = [];
    const write = (id: string): MongoWrite | undefined => (id === "none" ? undefined : replace(id));
    expect(placeWrites(["none", "a", "none", "b"], write, outcomes).map(({ place }) => place)).toEqual([1, 3]);
  });
});
