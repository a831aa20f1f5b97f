import { describe, expect, it } from "vitest";
import { relationshipsIn } from "../ports/relationship.js";
import { aCitizen } from "../testing/samples.js";
import { RelationshipRecount } from "./compare-relationships.js";

const hidden = aCitizen({ consent: { scoring: true, profiling: true, graph: false, marketing: true } });
const AT = 1_700_000_000_000;
const PEOPLE = [aCitizen(), aCitizen({ citizenID: "c-2" }), { ...hidden, citizenID: "c-3" }];

async function* listed<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

function recountOf(...payloads: readonly object[]): RelationshipRecount {
  const recount = new RelationshipRecount(PEOPLE);
  for (const payload of payloads)
    recount.take("rawEvents", {
      citizenID: "c-1",
      eventType: "relationship",
      occurredAt: AT,
      payload: JSON.stringify(payload),
    });
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
    const edges = relationshipsIn({ citizenID: "c-1", occurredAt: AT, payload: friends });
    expect(await recount.compare(listed(edges))).toMatchObject({ expected: 2, actual: 2, missing: 0, extra: 0 });
  });

  it("finds what is missing and what is too much", async () => {
    const recount = recountOf({ other: "c-2", relation: "friends" });
    const edges = [{ citizenID: "c-1", relation: "family", other: "c-2", since: AT }];
    expect(await recount.compare(listed(edges))).toMatchObject({ missing: 2, extra: 1, actual: 1 });
  });

  it("expects an edge since the earliest event that tells of it", async () => {
    const recount = recountOf({ other: "c-2", relation: "friends" });
    const payload = JSON.stringify({ other: "c-1", relation: "friends" });
    recount.take("rawEvents", { citizenID: "c-2", eventType: "relationship", occurredAt: AT - 5, payload });
    const edges = (since: number) => [
      { citizenID: "c-1", relation: "friends", other: "c-2", since },
      { citizenID: "c-2", relation: "friends", other: "c-1", since },
    ];
    expect(await recount.compare(listed(edges(AT - 5)))).toMatchObject({ different: 0, missing: 0, extra: 0 });
    expect(await recount.compare(listed(edges(AT)))).toMatchObject({ different: 2, missing: 0, extra: 0 });
  });
});

describe("relationshipsIn", () => {
  it("takes nothing for a relation that is none", () => {
    const told = (payload: object) =>
      relationshipsIn({ citizenID: "c-1", occurredAt: AT, payload: payload as { [name: string]: unknown } });
    for (const payload of [{}, { other: "c-2" }, { other: 2, relation: "friends" }, { other: "c-2", relation: "foes" }])
      expect(told(payload)).toEqual([]);
    expect(told({ other: "c-1", relation: "friends" })).toEqual([]);
  });
});
