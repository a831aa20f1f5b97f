import { virtualClock } from "@millrace/core/testing";
import cassandra from "cassandra-driver";
import { describe, expect, it } from "vitest";
import { FakeSession, type Request } from "../test/fake-session.js";
import { TYPES } from "./cell-type.js";
import { ConditionalStatements } from "./conditional-statements.js";
import type { Answer, Row, TableShape } from "./cql-session.js";
import { ConditionalTable } from "./scylla-conditional.js";

const { errors } = cassandra;

const SHAPE: TableShape = {
  keyspace: "app",
  table: "claims",
  columns: [
    { name: "id", type: { code: TYPES.text } },
    { name: "n", type: { code: TYPES.int } },
    { name: "event", type: { code: TYPES.text } },
  ],
  partitionKey: ["id"],
  clusteringKey: [],
  compaction: "",
};
const SERIAL = 9;

type Step = "applied" | "refused" | "lost" | "lost but applied" | "unavailable" | "poison";

/** A server with one row, whose writes end as the script says; the last step is repeated. */
function serverOf(steps: Step[], row: { value: Row | undefined }): FakeSession {
  return new FakeSession(({ statements: [statement], options }: Request): Answer => {
    const query = statement?.query ?? "";
    if (query.startsWith("SELECT")) {
      expect(options.consistency).toBe(SERIAL);
      return { rows: row.value === undefined ? [] : [row.value], pageState: undefined };
    }
    expect(options.serialConsistency).toBe(SERIAL);
    const step = steps.length > 1 ? steps.shift() : steps[0];
    const event = Buffer.from(statement?.params.at(-1) as Uint8Array).toString();
    if (step === "applied" || step === "lost but applied") row.value = { id: "a", n: 1, event };
    if (step === "lost" || step === "lost but applied") throw new errors.ResponseError(0x1100, "CAS timed out");
    if (step === "unavailable") throw new errors.ResponseError(0x1000, "not enough replicas");
    if (step === "poison") throw new errors.ResponseError(0x2200, "bad value");
    return { rows: [{ "[applied]": step === "applied" }], pageState: undefined };
  });
}

function tableOn(session: FakeSession, attempts = 4): ConditionalTable {
  const clock = virtualClock();
  // Time moves whenever somebody waits.
  const moving = {
    now: () => clock.now(),
    schedule: (_at: number, fn: () => void) => {
      queueMicrotask(fn);
      return () => {};
    },
  };
  return new ConditionalTable({
    session,
    statements: new ConditionalStatements(SHAPE, "event"),
    eventColumn: "event",
    call: { consistency: 6, serialConsistency: SERIAL },
    attempts,
    clock: moving,
    random: () => 0.5,
  });
}

const insert = (session: FakeSession, attempts?: number) =>
  tableOn(session, attempts).insertIfNotExists({ id: "a", n: 1 }, { event: "mine" });
const writes = (session: FakeSession): number =>
  session.requests.filter(({ statements }) => !statements[0]?.query.startsWith("SELECT")).length;

describe("a conditional write", () => {
  it("that is applied asks nothing more", async () => {
    const session = serverOf(["applied"], { value: undefined });
    expect(await insert(session)).toEqual({ applied: true });
    expect(session.requests.length).toBe(1);
  });

  it("whose answer is lost is found by its event, and not written again", async () => {
    const session = serverOf(["lost but applied"], { value: undefined });
    expect(await insert(session)).toEqual({ applied: true });
    expect(writes(session)).toBe(1);
  });

  it("that is lost is begun again, until its end is known", async () => {
    const session = serverOf(["lost", "lost", "applied"], { value: undefined });
    expect(await insert(session)).toEqual({ applied: true });
    expect(writes(session)).toBe(3);
  });

  it("that is lost to another event is told the other's row", async () => {
    const other = { id: "a", n: 7, event: "theirs" };
    const session = serverOf(["lost", "refused"], { value: other });
    expect(await insert(session)).toEqual({ applied: false, rows: [other] });
  });

  it("that is refused because of itself was applied", async () => {
    const session = serverOf(["refused"], { value: { id: "a", n: 1, event: "mine" } });
    expect(await insert(session)).toEqual({ applied: true });
  });

  it("waits out a server that has not enough replicas", async () => {
    const session = serverOf(["unavailable", "applied"], { value: undefined });
    expect(await insert(session)).toEqual({ applied: true });
  });

  it("stays unknown after its attempts, and says that it may be tried again", async () => {
    const session = serverOf(["lost"], { value: undefined });
    await expect(insert(session, 3)).rejects.toMatchObject({
      class: "unknown-outcome",
      message: expect.stringMatching(/event mine is not known.*tried again with the same event/),
    });
    expect(writes(session)).toBe(3);
  });

  it("that is poison is not tried again", async () => {
    const session = serverOf(["poison"], { value: undefined });
    await expect(insert(session)).rejects.toMatchObject({ class: "poison" });
    expect(session.requests.length).toBe(1);
  });

  it("ends with its signal", async () => {
    const session = serverOf(["lost"], { value: undefined });
    const signal = AbortSignal.abort(new Error("over"));
    await expect(tableOn(session).insertIfNotExists({ id: "a" }, { event: "mine", signal })).rejects.toThrow("over");
    expect(session.requests.length).toBe(0);
  });
});
