import { bucketRetention } from "@millrace/influx";
import cassandra from "cassandra-driver";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { DEFAULT_CONFIGURATION } from "../../src/rules/default-configuration.js";
import { compileRuleSet } from "../../src/rules/rule-set.js";
import { ServerPorts } from "../../src/servers/server-ports.js";
import { aCitizen, anEvent, aReceived, aRule, SAMPLE_TIME } from "../../src/testing/samples.js";
import { scoreEvent } from "../../src/topology/score-event.js";
import { eventually, LiveScoring } from "./live-scoring.js";
import { dropNamespace, freshNamespace, servers } from "./namespaces.js";

const DAY_S = 86_400;
const namespace = freshNamespace("ports");
const citizens = [{ profile: aCitizen(), nationalID: "SIM-0", name: "Somebody" }];
const limited = aRule({ cooldown: { ms: 3_600_000 } });

function open(): Promise<ServerPorts> {
  return ServerPorts.open({
    servers,
    namespace,
    configuration: DEFAULT_CONFIGURATION,
    rules: [limited],
    citizens,
    partitions: 1,
  });
}

describe("what the servers refuse and forget by themselves", () => {
  let ports: ServerPorts;
  const mongo = new MongoClient(servers.mongo.url);
  beforeAll(async () => {
    ports = await open();
  });
  afterAll(async () => {
    await mongo.close();
    await ports.close();
    await dropNamespace(namespace);
  });

  it("MongoDB: a document of another shape, a second nationalID, a second configuration in force", async () => {
    const db = mongo.db(ports.names.database);
    // With the types as they are stored: a copy of 600.0 as a number would be written as an int.
    const [known] = await db.collection("citizens").find({}, { promoteValues: false }).toArray();
    const copy = { ...known, _id: "c-9" as never };
    await expect(db.collection("citizens").insertOne(copy)).rejects.toMatchObject({ code: 11_000 });
    const bad = { ...copy, nationalID: "SIM-9", scoreSnapshot: { ...known?.scoreSnapshot, score: "much" } };
    await expect(db.collection("citizens").insertOne(bad)).rejects.toMatchObject({ code: 121 });
    const configuration = { ...DEFAULT_CONFIGURATION, version: 2 };
    await expect(
      db.collection("system_configuration").insertOne({ _id: 2 as never, active: true, configuration }),
    ).rejects.toMatchObject({ code: 11_000 });
    await expect(db.collection("scoring_rule_definitions").insertOne({ ruleID: "x" })).rejects.toMatchObject({
      code: 121,
    });
  });

  it("rules that can not be used, at writing and at loading", async () => {
    const bad = { ...aRule(), points: "many" } as never;
    await expect(ports.rulebook.saveRuleSet("bad", [bad])).rejects.toMatchObject({ code: "E_RULE_SET" });
    const db = mongo.db(ports.names.database);
    await db
      .collection("scoring_rule_definitions")
      .insertOne({ _id: "bad@1" as never, ruleID: "bad", version: 1, status: "active", definition: bad });
    await db.collection("rule_sets").insertOne({ _id: "bad" as never, rules: [{ ruleID: "bad", version: 1 }] });
    await expect(ports.rulebook.ruleSet("bad")).rejects.toMatchObject({ code: "E_RULE_SET" });
    const changed = aRule({ points: -99, cooldown: { ms: 3_600_000 } });
    await expect(ports.rulebook.saveRuleSet("other", [changed])).rejects.toThrow(/the next version/);
  });

  it("retention of the buckets, time to live and time windows of the archive, as the servers have them", async () => {
    expect(await bucketRetention(servers.influx, ports.names.rawEvents)).toBe(90 * DAY_S);
    expect(await bucketRetention(servers.influx, ports.names.derivedMetrics)).toBe(1_825 * DAY_S);
    const { contactPoints = [], localDataCenter = "datacenter1" } = servers.scylla;
    const client = new cassandra.Client({ contactPoints: [...contactPoints], localDataCenter });
    const { rows } = await client.execute(
      "SELECT default_time_to_live, compaction FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'events_archive'",
      [ports.names.keyspace],
    );
    await client.shutdown();
    expect(rows[0]?.default_time_to_live).toBe(1_825 * DAY_S);
    expect(rows[0]?.compaction).toMatchObject({
      class: expect.stringMatching(/TimeWindowCompactionStrategy$/),
      compaction_window_unit: "DAYS",
      compaction_window_size: "60",
    });
  });

  it("of many workers with the same event, and others within its cooldown, exactly one application remains", async () => {
    const workers = await Promise.all([open(), open(), open()]);
    onTestFinished(async () => {
      for (const worker of workers) await worker.close();
    });
    const ruleSet = compileRuleSet(DEFAULT_CONFIGURATION.ruleSetVersion, [limited]);
    const events = Array.from({ length: 4 }, (_, i) =>
      aReceived({ eventID: `01943b5e-7c00-7abc-8def-00000000000${i}`, occurredAt: SAMPLE_TIME + i }, { offset: i }),
    );
    const enriched = { citizen: aCitizen(), configuration: DEFAULT_CONFIGURATION, ruleSet };
    const context = { signal: new AbortController().signal };
    const scored = await Promise.all(
      workers.flatMap((worker) =>
        events.map((received) =>
          // A worker that was beaten too often is given the event again by the engine.
          eventually("a turn", () => scoreEvent(worker, { ...enriched, received }, context).catch(contended)),
        ),
      ),
    );
    const applied = new Set(
      scored.flatMap((each) =>
        each.kind === "decided" && each.decision.changes.some(({ ruleID }) => ruleID === limited.ruleID)
          ? [each.received]
          : [],
      ),
    );
    expect(applied.size).toBe(1);
    const row = (await ports.ruleState.read("c-1", [limited.ruleID])).get(limited.ruleID);
    expect(row?.applications).toHaveLength(1);
    expect((await ports.citizens.read("c-1", "x"))?.snapshot).toMatchObject({ version: 4, score: 590 });
  });
});

function contended(error: { readonly code?: string }): undefined {
  if (error.code !== "E_SCORING_CONTENDED") throw error;
}

it("an edit of the rules takes effect within two seconds, without a restart", async () => {
  const live = await LiveScoring.open([aCitizen()], [aRule()]);
  onTestFinished(() => live.close());
  live.start();
  const occurredAt = Date.now() - 60_000;
  let count = 0;
  const next = (): ReturnType<typeof anEvent> =>
    anEvent({
      eventID: `01943b5e-7c00-7abc-8def-${String(count++).padStart(12, "0")}`,
      occurredAt: occurredAt + count,
    });
  const first = next();
  await live.publish(first);
  expect(await live.decision(first)).toMatchObject({ points: -10, configurationVersion: 1 });

  await live.ports.rulebook.saveRuleSet("edited", [aRule({ version: 2, points: -3 })]);
  await live.ports.rulebook.activate({ ...DEFAULT_CONFIGURATION, version: 2, ruleSetVersion: "edited" });
  const editedAt = Date.now();
  for (;;) {
    const event = next();
    await live.publish(event);
    const { points, configurationVersion } = await live.decision(event);
    if (configurationVersion === 1) {
      expect(Date.now() - editedAt).toBeLessThan(2_000);
      continue;
    }
    expect(points).toBe(-3);
    break;
  }
});
