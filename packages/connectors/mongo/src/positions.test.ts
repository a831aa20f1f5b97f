import { Binary, BSON, Decimal128, Double, Int32, Long, ObjectId, Timestamp, UUID } from "mongodb";
import { describe, expect, it } from "vitest";
import { changePositionText, overlapFilter, parseChangePosition, tickAfter } from "./change-position.js";
import { boundOf, boundText, idText, parseBound, valueAt } from "./id-text.js";
import { KnownKeys } from "./known-keys.js";
import { parsePosition, positionText, rangeOf } from "./ranges.js";

const ids: readonly unknown[] = [
  "text",
  "",
  1,
  -1.5,
  new Int32(1),
  new Double(1),
  Long.fromString("9007199254740993"),
  Decimal128.fromString("1.10"),
  true,
  null,
  new Date(5),
  new ObjectId("00112233445566778899aabb"),
  new UUID("00112233-4455-4677-8899-aabbccddeeff"),
  new Binary(Buffer.from([0, 255])),
  { a: 1, b: { c: "x" } },
  ["a"],
  new Timestamp({ t: 5, i: 6 }),
];

describe("places in a collection", () => {
  it.each(ids.map((id) => [id]))("are found again by text: %s", (id) => {
    const bound = boundOf(BSON.serialize({ _id: id, other: 1 }), ["_id"]);
    const again = parseBound(boundText(bound));
    // Byte for byte, so that the server sorts them alike.
    expect(Buffer.from(BSON.serialize(again)).toString("hex")).toBe(
      Buffer.from(BSON.serialize({ _id: id })).toString("hex"),
    );
    expect(boundText(again)).toBe(boundText(bound));
  });

  it("of another key have its values too, a missing one as null", () => {
    expect(boundOf(BSON.serialize({ _id: "a", at: { x: "y" } }), ["at.x", "_id"])).toEqual({ "at.x": "y", _id: "a" });
    expect(boundOf(BSON.serialize({ _id: "a" }), ["at.x", "_id"])).toEqual({ "at.x": null, _id: "a" });
    expect(valueAt({ a: 1 }, "a.b")).toBeUndefined();
  });

  it("know their range, also when the collection is cut differently by now", () => {
    const bounds = [{ _id: "g" }, { _id: "p" }];
    const position = positionText({ count: 7, last: { _id: "k" }, bounds });
    expect(parsePosition(position)).toEqual({ count: 7, last: { _id: "k" }, bounds });
    expect([0, 1, 2, 3].map((range) => rangeOf(bounds, range))).toEqual([
      { from: undefined, to: { _id: "g" } },
      { from: { _id: "g" }, to: { _id: "p" } },
      { from: { _id: "p" }, to: undefined },
      undefined,
    ]);
  });

  it("ids are offsets: texts as they are, the others by their kind", () => {
    expect([idText("a"), idText(5), idText(new ObjectId("00".repeat(12)))]).toEqual([
      "a",
      "5",
      `{"$oid":"${"00".repeat(12)}"}`,
    ]);
  });
});

describe("places in a stream of changes", () => {
  it("come back as they were", () => {
    const [at, later] = [new Timestamp({ t: 1_700_000_000, i: 4 }), new Timestamp({ t: 1_700_000_300, i: 1 })];
    const after = { collection: "b", after: { _id: 5 } };
    for (const position of [
      { count: 0, since: at, token: undefined, snapshot: undefined, segments: [] },
      { count: 3, since: at, token: { _data: "00ff" }, snapshot: undefined, segments: [] },
      {
        count: 3,
        since: at,
        token: undefined,
        snapshot: { collection: "a", after: undefined },
        segments: [{ at, after: undefined }],
      },
      {
        count: 9,
        since: at,
        token: undefined,
        snapshot: after,
        segments: [
          { at, after: undefined },
          { at: later, after },
        ],
      },
    ]) {
      const again = parseChangePosition(changePositionText(position));
      expect(changePositionText(again)).toBe(changePositionText(position));
      expect(again.since.equals(at)).toBe(true);
      expect(again.segments.length).toBe(position.segments.length);
    }
    expect(tickAfter(at).equals(new Timestamp({ t: 1_700_000_000, i: 5 }))).toBe(true);
  });

  it("of one moment leave nothing out of the stream; of several, what the later ones have", () => {
    const at = new Timestamp({ t: 1, i: 1 });
    const later = new Timestamp({ t: 2, i: 1 });
    expect(overlapFilter([{ at, after: undefined }])).toEqual([]);
    const after = { collection: "in", after: { _id: 5 } };
    expect(
      overlapFilter([
        { at, after: undefined },
        { at: later, after },
      ]),
    ).toEqual([
      {
        $match: {
          $expr: {
            $not: [
              {
                $or: [
                  {
                    $and: [
                      { $lte: ["$clusterTime", { $literal: later }] },
                      {
                        $or: [
                          { $gt: ["$ns.coll", { $literal: "in" }] },
                          {
                            $and: [
                              { $eq: ["$ns.coll", { $literal: "in" }] },
                              { $gt: ["$documentKey._id", { $literal: 5 }] },
                            ],
                          },
                        ],
                      },
                    ],
                  },
                ],
              },
            ],
          },
        },
      },
    ]);
  });
});

describe("known keys", () => {
  it("are the newest ones, and it is known that some are not", () => {
    const known = new KnownKeys<string>(2);
    known.set("1", "a");
    known.set("2", "b");
    known.set("1", "c");
    expect([known.get("1"), known.get("2"), known.forgot]).toEqual(["c", "b", false]);
    known.set("3", "d");
    expect([known.get("1"), known.get("2"), known.get("3"), known.forgot]).toEqual(["c", undefined, "d", true]);
  });
});
