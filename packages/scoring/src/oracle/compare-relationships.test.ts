import { describe, expect, it } from "vitest";
import { relationshipsIn } from "../ports/relationship.js";
import { aCitizen } from "../testing/samples.js";
import { RelationshipRecount } from "./compare-relationships.js";

const hidden = aCitizen({ consent: { scoring: true, profiling: true, graph: false, marketing: true } });
const PEOPLE = [aCitizen(), aCitizen({ citizenID: "c-2" }), { ...hidden, citizenID: "c-3" }];

async function* listed<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

function recountOf(...payloads: readonly object[]): RelationshipRecount {
  const recount = new RelationshipRecount(PEOPLE);
  for (const payload of payloads)
    recount.take("rawEvents", { citizenID: "c-1", eventType: "relationship", payload: JSON.stringify(payload) });
  return recount;
}

describe("RelationshipRecount", () => {
  it("expects an edge each way, once, between those who allow it", async () => {
    const friends = { other: "c-2", relation: "friends" };
    const recount = recountOf(
      friends,
      friends,
      { other: "c-3", relation: "friends" },
      { other: "c-1", relation: "family" },
    );
    const edges = relationshipsIn("c-1", friends);
    expect(await recount.compare(listed(edges))).toMatchObject({ expected: 2, actual: 2, missing: 0, extra: 0 });
  });

  it("finds what is missing and what is too much", async () => {
    const recount = recountOf({ other: "c-2", relation: "friends" });
    const edges = [{ citizenID: "c-1", relation: "family", other: "c-2" }];
    expect(await recount.compare(listed(edges))).toMatchObject({ missing: 2, extra: 1, actual: 1 });
  });
});

describe("relationshipsIn", () => {
  it("takes nothing for a relation that is none", () => {
    for (const payload of [{}, { other: "c-2" }, { other: 2, relation: "friends" }, { other: "c-2", relation: "foes" }])
      expect(relationshipsIn("c-1", payload)).toEqual([]);
    expect(relationshipsIn("c-1", { other: "c-1", relation: "friends" })).toEqual([]);
  });
});
