import { virtualClock } from "@millrace/core/testing";
import { describe, expect, it } from "vitest";
import { MemoryPorts } from "../memory/memory-ports.js";
import type { CitizenStore } from "../ports/citizen-store.js";
import type { RuleState } from "../ports/rule-state.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import { compileRuleSet } from "../rules/rule-set.js";
import { aCitizen, aReceived, aRule } from "../testing/samples.js";
import { type EnrichedEvent, type Scored, scoreEvent } from "./score-event.js";

const RULES = [aRule({ cooldown: { ms: 3_600_000 } })];
const RULE_SET = compileRuleSet("t", RULES);

function fixture(): MemoryPorts {
  const world = { clock: virtualClock(), random: () => 0, maxLatencyMs: 0 };
  return new MemoryPorts({
    ...world,
    profiles: [aCitizen()],
    configuration: DEFAULT_CONFIGURATION,
    rules: RULES,
    messages: [],
    partitions: 1,
  });
}

function enriched(offset: number, eventID: string, occurredAfter = 0): EnrichedEvent {
  const event = { eventID, occurredAt: aReceived().event.occurredAt + occurredAfter };
  return {
    received: aReceived(event, { offset, digest: eventID }),
    citizen: aCitizen(),
    configuration: DEFAULT_CONFIGURATION,
    ruleSet: RULE_SET,
  };
}

type Stores = { readonly citizens: CitizenStore; readonly ruleState: RuleState };

function score(stores: Stores, event: EnrichedEvent): Promise<Scored> {
  return scoreEvent(stores, event, { signal: new AbortController().signal });
}

function pointsOf(scored: Scored): number | string {
  return scored.kind === "decided" ? scored.decision.points : scored.kind;
}

describe("scoreEvent", () => {
  it("claims, writes, and gives the decision", async () => {
    const ports = fixture();
    const scored = await score(ports, enriched(0, "e-1"));
    expect(pointsOf(scored)).toBe(-10);
    expect(ports.citizens.snapshots().get("c-1")).toMatchObject({ score: 590, version: 1 });
    expect(ports.ruleState.rows().get("c-1")?.get("late-payment")?.lastEventID).toBe("e-1");
  });

  it("gives the stored decision again when it is replayed, whatever came after", async () => {
    const ports = fixture();
    const first = await score(ports, enriched(0, "e-1"));
    await score(ports, enriched(1, "e-2", 7_200_000));
    expect(await score(ports, enriched(0, "e-1"))).toEqual(first);
    expect(ports.citizens.snapshots().get("c-1")).toMatchObject({ version: 2 });
  });

  it("finds its own claim again after a crash between claim and write", async () => {
    const ports = fixture();
    const dying: CitizenStore = {
      ...ports.citizens,
      read: (c, e) => ports.citizens.read(c, e),
      write: () => Promise.reject(new Error("died")),
      release: async () => {},
    };
    await expect(score({ ...ports, citizens: dying }, enriched(0, "e-1"))).rejects.toThrow("died");
    expect(ports.ruleState.rows().get("c-1")?.get("late-payment")?.lastEventID).toBe("e-1");
    expect(pointsOf(await score(ports, enriched(0, "e-1")))).toBe(-10);
    expect(pointsOf(await score(ports, enriched(1, "e-2", 1_000)))).toBe(0);
  });

  it("reads and decides again when another writer was faster, at the claim and at the write", async () => {
    const ports = fixture();
    let meddled = 0;
    const meddle = async (): Promise<void> => {
      if (meddled++ === 0) await score(ports, enriched(5, "other", 1_000));
    };
    const ruleState: RuleState = {
      read: (c, r) => ports.ruleState.read(c, r),
      claim: async (c, e, claims) => {
        await meddle();
        return ports.ruleState.claim(c, e, claims);
      },
    };
    // The other event has taken the cooldown by then: deciding again gives nothing, instead of points twice.
    expect(pointsOf(await score({ citizens: ports.citizens, ruleState }, enriched(6, "e-1")))).toBe(0);

    const other = fixture();
    let raced = 0;
    const citizens: CitizenStore = {
      read: (c, e) => other.citizens.read(c, e),
      release: async () => {},
      write: async (write) => {
        if (raced++ === 0) await score(other, enriched(5, "other", 7_200_000));
        return other.citizens.write(write);
      },
    };
    const scored = await score({ citizens, ruleState: other.ruleState }, enriched(6, "e-1"));
    expect(scored).toMatchObject({ kind: "decided", decision: { version: 2, late: true } });
  });

  it("gives up after a while of refusals, with an error that is tried again later", async () => {
    const ports = fixture();
    const citizens: CitizenStore = {
      read: (c, e) => ports.citizens.read(c, e),
      release: async () => {},
      write: async () => "conflict",
    };
    await expect(score({ ...ports, citizens }, enriched(0, "e-1"))).rejects.toMatchObject({
      class: "conflict",
      code: "E_SCORING_CONTENDED",
    });
  });

  it("tells copies from contradictions", async () => {
    const ports = fixture();
    const first = enriched(0, "e-1");
    await score(ports, first);
    expect(pointsOf(await score(ports, enriched(9, "e-1")))).toBe("duplicate");
    const changed = { ...first, received: { ...first.received, offset: 9, digest: "other" } };
    expect(pointsOf(await score(ports, changed))).toBe("conflict");
  });

  it("says that the store is not complete when a citizen with a profile has no score", async () => {
    const ports = fixture();
    const stranger = enriched(0, "e-1");
    const received = aReceived({ citizenID: "c-7" });
    await expect(score(ports, { ...stranger, received })).rejects.toMatchObject({
      class: "fatal",
      code: "E_SCORING_STORE",
    });
  });
});
