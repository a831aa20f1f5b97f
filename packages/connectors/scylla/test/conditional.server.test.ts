import type { Client } from "cassandra-driver";
import { afterAll, beforeEach, expect, it } from "vitest";
import { type ScyllaConditional, scyllaConditional } from "../src/index.js";
import { contactPoints, freshTable, KEYSPACE, rawClient, rowsOf } from "./tables.js";

const client: Client = await rawClient();
const open: ScyllaConditional[] = [];
let table = "";

afterAll(async () => {
  for (const each of open) await each.close();
  await client.shutdown();
});

beforeEach(async () => {
  table = await freshTable(
    client,
    "claims",
    "citizen_id text, rule_id text, applied_at timestamp, last_event_id text, n int, events frozen<set<text>>, PRIMARY KEY (citizen_id, rule_id)",
  );
});

async function claims(): Promise<ScyllaConditional> {
  const made = await scyllaConditional({
    contactPoints: contactPoints(),
    keyspace: KEYSPACE,
    table,
    eventColumn: "last_event_id",
    // On a busy machine those who race wait for each other longer than the server does.
    attempts: 20,
  });
  open.push(made);
  return made;
}

it("inserts once, says so again to the same event, and gives others the row that is there", async () => {
  const one = await claims();
  const row = { citizen_id: "ada", rule_id: "late", applied_at: new Date(1_000), n: 1 };
  expect(await one.insertIfNotExists(row, { event: "e1" })).toEqual({ applied: true });
  expect(await one.insertIfNotExists(row, { event: "e1" })).toEqual({ applied: true });
  expect(await one.insertIfNotExists({ ...row, n: 2 }, { event: "e2" })).toEqual({
    applied: false,
    rows: [{ ...row, last_event_id: "e1", events: null }],
  });
  expect(await one.read({ citizen_id: "ada", rule_id: "late" })).toMatchObject({ ...row, last_event_id: "e1" });
  expect(await one.read({ citizen_id: "ada", rule_id: "none" })).toBeUndefined();
});

it("updates where the condition holds; null is the condition of a missing row", async () => {
  const one = await claims();
  const key = { citizen_id: "ada", rule_id: "late" };
  expect(await one.updateIf({ key, set: { n: 1 }, if: { last_event_id: null } }, { event: "e1" })).toEqual({
    applied: true,
  });
  expect(await one.updateIf({ key, set: { n: 2 }, if: { last_event_id: "e1", n: 1 } }, { event: "e2" })).toEqual({
    applied: true,
  });
  const refused = await one.updateIf({ key, set: { n: 3 }, if: { last_event_id: "e1" } }, { event: "e3" });
  expect(refused).toMatchObject({ applied: false, rows: [{ n: 2, last_event_id: "e2" }] });
  expect(await one.updateIf({ key, set: { n: 2 }, if: { last_event_id: "e1" } }, { event: "e2" })).toEqual({
    applied: true,
  });
});

it("a batch is applied whole or not at all", async () => {
  const one = await claims();
  await one.insertIfNotExists({ citizen_id: "ada", rule_id: "r2", n: 7 }, { event: "e0" });
  const claim = (rule: string) => ({ insert: { citizen_id: "ada", rule_id: rule, n: 1 } });
  expect(await one.batch(["r1", "r2", "r3"].map(claim), { event: "e1" })).toMatchObject({
    applied: false,
    rows: [undefined, { n: 7, last_event_id: "e0" }, undefined],
  });
  expect((await rowsOf(client, table)).length).toBe(1);
  const mixed = [
    claim("r1"),
    { key: { citizen_id: "ada", rule_id: "r2" }, set: { n: 8 }, if: { last_event_id: "e0" } },
  ];
  expect(await one.batch(mixed, { event: "e2" })).toEqual({ applied: true });
  expect(await one.batch(mixed, { event: "e2" })).toEqual({ applied: true });
  expect((await rowsOf(client, table)).map(({ rule_id, n, last_event_id }) => [rule_id, n, last_event_id])).toEqual([
    ["r1", 1, "e2"],
    ["r2", 8, "e2"],
  ]);
});

it("rows expire after their ttl", async () => {
  const one = await claims();
  await one.insertIfNotExists({ citizen_id: "ada", rule_id: "late", n: 1 }, { event: "e1", ttl: "1h" });
  const left = (await rowsOf(client, table, "ttl(last_event_id)"))[0]?.["ttl(last_event_id)"] as number;
  expect(left).toBeGreaterThan(3_500);
  expect(left).toBeLessThanOrEqual(3_600);
});

it("of N racing workers one is applied, and it alone is told so", async () => {
  const workers = await Promise.all(Array.from({ length: 4 }, claims));
  for (let round = 0; round < 3; round++) {
    const results = await Promise.all(
      Array.from({ length: 32 }, (_, i) =>
        (workers[i % workers.length] as ScyllaConditional).insertIfNotExists(
          { citizen_id: "ada", rule_id: `round ${round}`, n: i },
          { event: `worker ${i}` },
        ),
      ),
    );
    const winners = results.flatMap(({ applied }, i) => (applied ? [i] : []));
    expect(winners.length).toBe(1);
    const row = await workers[0]?.read({ citizen_id: "ada", rule_id: `round ${round}` });
    expect(row).toMatchObject({ n: winners[0], last_event_id: `worker ${winners[0]}` });
    for (const result of results)
      if (!result.applied) expect(result.rows[0]).toMatchObject({ last_event_id: `worker ${winners[0]}` });
  }
});

it("racing updates of a counter lose none and double none", async () => {
  const workers = await Promise.all(Array.from({ length: 3 }, claims));
  const key = { citizen_id: "ada", rule_id: "cap" };
  const add = async (worker: ScyllaConditional, event: string): Promise<void> => {
    for (;;) {
      const row = await worker.read(key);
      const events = (row?.events ?? []) as readonly string[];
      // Applied by a try that was told nothing, and written over since.
      if (events.includes(event)) return;
      const set = { n: events.length + 1, events: [...events, event] };
      const result = await worker.updateIf({ key, set, if: { last_event_id: row?.last_event_id ?? null } }, { event });
      if (result.applied) return;
    }
  };
  await Promise.all(
    workers.map(async (worker, w) => {
      for (let i = 0; i < 8; i++) await add(worker, `event ${w}/${i}`);
    }),
  );
  const row = await workers[0]?.read(key);
  expect(row?.n).toBe(24);
  expect(new Set(row?.events as string[]).size).toBe(24);
});

it("refuses what could be met twice, other partitions, and a table without room for the event", async () => {
  const one = await claims();
  const key = { citizen_id: "ada", rule_id: "late" };
  await expect(one.updateIf({ key, set: { n: 2 }, if: { applied_at: null } }, { event: "e" })).rejects.toThrow(
    /met twice/,
  );
  await expect(one.updateIf({ key, set: { n: 2 }, if: { n: 2 } }, { event: "e" })).rejects.toThrow(/met twice/);
  await expect(one.updateIf({ key, set: { n: 2 }, if: {} }, { event: "e" })).rejects.toThrow(/no condition/);
  await expect(
    one.batch([{ insert: { citizen_id: "ada", rule_id: "a" } }, { insert: { citizen_id: "bob", rule_id: "a" } }], {
      event: "e",
    }),
  ).rejects.toThrow(/one partition/);
  await expect(
    one.insertIfNotExists({ citizen_id: "ada", rule_id: "a", n: 1.5 }, { event: "e" }),
  ).rejects.toMatchObject({ class: "poison", message: expect.stringContaining("citizen_id=ada, rule_id=a") });
  await expect(one.insertIfNotExists({ citizen_id: "ada" }, { event: "e" })).rejects.toMatchObject({ class: "poison" });
  await expect(
    scyllaConditional({ contactPoints: contactPoints(), keyspace: KEYSPACE, table, eventColumn: "n" }),
  ).rejects.toMatchObject({ class: "fatal", code: "E_SCYLLA_SCHEMA" });
});
