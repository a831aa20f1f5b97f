import { WriteError } from "@millrace/core";
import { type FluxRow, flux, fluxQuery } from "@millrace/influx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type StandIn, startStandIn } from "../../../../testbed/dgraph-stand-in/index.js";
import type { ScoringPorts } from "../../src/ports/scoring-ports.js";
import { aCitizen, anEvent, aRule } from "../../src/testing/samples.js";
import { eventually, LiveScoring } from "./live-scoring.js";
import { servers } from "./namespaces.js";

const AT = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000;
const DGRAPH_URL = process.env.DGRAPH_URL ?? "";
const RULE = aRule({
  points: { clamp: [{ mul: [-1.5, { fact: "event.payload.daysLate" }] }, -20, -3] },
  multipliers: [{ when: { fact: "citizen.flags", op: "in", value: ["student"] }, factor: 0.5 }],
  cooldown: { ms: 21_600_000 },
});
const LATE = anEvent({
  eventID: "01943b5e-7c00-7abc-8def-000000000001",
  occurredAt: AT,
  location: { region: "north", city: "Hull", lat: 53.7, lon: -0.3 },
  payload: { daysLate: 8, bill: 'rent "flat 7"\n', autopay: false, nested: { deep: [1, null] } },
});
const AGAIN = anEvent({ ...LATE, eventID: "01943b5e-7c00-7abc-8def-000000000002", occurredAt: AT + 60_000 });
const UNKNOWN = anEvent({ ...LATE, citizenID: "nobody", eventID: "01943b5e-7c00-7abc-8def-000000000003" });
const MET = anEvent({
  ...LATE,
  eventID: "01943b5e-7c00-7abc-8def-000000000004",
  eventType: "relationship",
  eventSubtype: "friend_added",
  payload: { other: "c-2", relation: "friends" },
});
/** The other one tells of it too, in a partition of their own: of an earlier time, and of a later one. */
const MET_BEFORE = anEvent({
  ...MET,
  citizenID: "c-2",
  eventID: "01943b5e-7c00-7abc-8def-000000000005",
  occurredAt: AT - 60_000,
  payload: { other: "c-1", relation: "friends" },
});
const MET_AGAIN = anEvent({
  ...MET_BEFORE,
  eventID: "01943b5e-7c00-7abc-8def-000000000006",
  occurredAt: AT + 60_000,
});
/** By hand: 8 days late is -12, a student pays half of it. Scores begin at 600. */
const POINTS = -6;

describe("the walk of a late payment, from the topic to every store", () => {
  let live: LiveScoring;
  let standIn: StandIn | undefined;
  beforeAll(async () => {
    if (DGRAPH_URL === "") standIn = await startStandIn();
    live = await LiveScoring.open([aCitizen({ flags: ["student"] }), aCitizen({ citizenID: "c-2" })], [RULE], {
      url: standIn?.address ?? DGRAPH_URL,
    });
  });
  afterAll(async () => {
    await live.close();
    await standIn?.stop();
  });

  it("W1, W2: the event lies in the topic under its citizen's key, in one partition", async () => {
    await live.publish(LATE);
    await live.publish(AGAIN);
    await live.publish(UNKNOWN);
    const messages: { key: string; partition: string; offset: bigint; value: string }[] = [];
    for await (const { key, value, partition, offset } of live.log.messages())
      messages.push({ key: textOf(key), value: textOf(value), partition, offset });
    const own = messages.filter(({ key }) => key === LATE.citizenID);
    expect(own.map(({ value }) => JSON.parse(value).eventID)).toEqual([LATE.eventID, AGAIN.eventID]);
    expect(new Set(own.map(({ partition }) => partition)).size).toBe(1);
    expect(Number(own[1]?.offset)).toBeGreaterThan(Number(own[0]?.offset));
  });

  it("W3h: a pipeline that dies between claiming the rule and writing the score leaves no second application behind", async () => {
    const { citizens } = live.ports;
    const dying: ScoringPorts = {
      ...portsOf(live),
      citizens: {
        read: (citizenID, eventID) => citizens.read(citizenID, eventID),
        release: (offsets) => citizens.release(offsets),
        write: async () => {
          throw new WriteError("fatal", "E_KILLED", "killed here");
        },
      },
    };
    await expect(live.start(dying).done).rejects.toThrow(/killed here/);
    expect(await live.found(LATE)).toBeUndefined();
    expect((await live.ports.ruleState.read("c-1", [RULE.ruleID])).get(RULE.ruleID)?.lastEventID).toBe(LATE.eventID);

    live.start();
    await live.decision(AGAIN);
    const [row, ...more] = await live.rows("ruleState", 1);
    expect(more).toEqual([]);
    expect(row).toMatchObject({ citizenID: "c-1", ruleID: RULE.ruleID, lastEventID: LATE.eventID });
    expect(JSON.parse(String(row?.applications))).toEqual([{ eventID: LATE.eventID, at: AT }]);
  });

  it("W3a, W3c: the decision names the versions it was made by, and gives the points computed by hand", async () => {
    expect(await live.decision(LATE)).toMatchObject({
      ruleSetVersion: "2025-01",
      configurationVersion: 1,
      points: POINTS,
      changes: [{ ruleID: "late-payment", ruleVersion: 1, delta: POINTS, reason: RULE.reason }],
    });
  });

  it("W3b: a second event inside the cooldown gives no points, and says why", async () => {
    const { points, held } = await live.decision(AGAIN);
    expect(points).toBe(0);
    expect(held).toEqual([{ ruleID: "late-payment", ruleVersion: 1, because: "cooldown" }]);
  });

  it("W3d: score, tier, time and version of the snapshot", async () => {
    const snapshots = await live.rows("snapshots", 2);
    expect(snapshots.find(({ citizenID }) => citizenID === "c-1")).toMatchObject({
      score: 594,
      tier: "standard",
      lastCalculated: AGAIN.occurredAt,
      version: 2,
    });
    expect(snapshots.find(({ citizenID }) => citizenID === "c-2")).toMatchObject({ score: 600, version: 0 });
  });

  it("W3e: one point a raw event, with typed fields of its payload beside the payload itself", async () => {
    await live.rows("rawEvents", 2);
    const query = flux`from(bucket: ${live.ports.names.rawEvents}) |> range(start: 0)
      |> filter(fn: (r) => r._measurement == "raw_events")
      |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
      |> filter(fn: (r) => r.eventID == ${LATE.eventID})`;
    const points: FluxRow[] = [];
    for await (const point of fluxQuery(servers.influx, query)) points.push(point);
    expect(points).toHaveLength(1);
    expect(points[0]).toMatchObject({
      citizenID: "c-1",
      eventType: "financial",
      region: "north",
      p_daysLate: 8,
      ps_bill: 'rent "flat 7"\n',
      pb_autopay: false,
      lat: 53.7,
    });
    expect(JSON.parse(String(points[0]?.payload))).toEqual(LATE.payload);
  });

  it("W3f: the score-change history says the same as the snapshot", async () => {
    const history = await live.rows("history", 1);
    const own = history.filter(({ eventID }) => eventID === LATE.eventID);
    expect(own).toEqual([
      expect.objectContaining({
        oldScore: 600,
        newScore: 594,
        delta: POINTS,
        ruleID: "late-payment",
        reason: RULE.reason,
      }),
    ]);
  });

  it("W3g: one row an event in the archive, and what can not be scored among the dead letters", async () => {
    const archive = await live.rows("archive", 2);
    expect(archive.map(({ eventID }) => eventID).sort()).toEqual([LATE.eventID, AGAIN.eventID]);
    expect(archive.find(({ eventID }) => eventID === LATE.eventID)).toMatchObject({
      scoreDelta: POINTS,
      rules: '["late-payment"]',
      scored: 1,
      region: "north",
    });
    const [dead] = await live.rows("deadLetters", 1);
    expect(dead).toMatchObject({ code: "E_CITIZEN_UNKNOWN", key: "nobody" });
    expect(JSON.parse(textOf(dead?.bytes as Uint8Array)).eventID).toBe(UNKNOWN.eventID);
  });

  it(`the graph (${DGRAPH_URL === "" ? "our stand-in, NOT Dgraph" : "Dgraph"}): an event about two citizens is an edge each way, since the earliest that tells of it`, async () => {
    const edgesSince = async (since: number): Promise<string[]> =>
      await eventually(`two edges since ${since}`, async () => {
        const found: string[] = [];
        for await (const edge of live.ports.graph() ?? [])
          if (edge.since === since) found.push(`${edge.citizenID} ${edge.relation} ${edge.other}`);
        return found.length < 2 ? undefined : found.sort();
      });
    const both = ["c-1 friends c-2", "c-2 friends c-1"];
    await live.publish(MET);
    expect(await edgesSince(AT)).toEqual(both);
    await live.publish(MET_BEFORE);
    expect(await edgesSince(AT - 60_000)).toEqual(both);
    await live.publish(MET_AGAIN);
    await live.decision(MET_AGAIN);
    await live.rows("rawEvents", 5);
    expect(await edgesSince(AT - 60_000)).toEqual(both);
  });
});

function portsOf({ ports }: LiveScoring): ScoringPorts {
  const { events, citizens, ruleState, profiles, configuration, ruleSets, sinks } = ports;
  return { events, citizens, ruleState, profiles, configuration, ruleSets, sinks };
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "" : Buffer.from(bytes).toString("utf8");
}
