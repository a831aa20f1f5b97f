import { WriteError } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Decision, StoredDecision } from "../decide/outcome.js";
import type { RuleClaim } from "../decide/rule-limits.js";
import { initialSnapshot, type ScoreSnapshot } from "../decide/score-snapshot.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { SnapshotWrite } from "../ports/citizen-store.js";
import { ACTIVE_CONFIGURATION, type ScoringPorts } from "../ports/scoring-ports.js";
import type { ContentName, ContentRow, StoreContents } from "../ports/store-contents.js";
import { STORE_NAMES, STORES, type StoreName } from "../ports/stores.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import type { RuleDefinition } from "../rules/rule.js";
import { aCitizen, aRule, SAMPLE_TIME } from "./samples.js";

/** What a set of adapters must be able to start with. */
export interface PortFixture {
  readonly profiles: readonly CitizenProfile[];
  readonly configuration: ScoringConfiguration;
  readonly rules: readonly RuleDefinition[];
}

/** Fresh ports, and how to look at what they hold. */
export interface PortSubject {
  readonly ports: ScoringPorts;
  readonly contents: StoreContents;
  teardown(): Promise<void>;
}

const FIXTURE: PortFixture = {
  profiles: [aCitizen({ citizenID: "c-1" }), aCitizen({ citizenID: "c-2", flags: ["student"] })],
  configuration: DEFAULT_CONFIGURATION,
  rules: [aRule()],
};
const START: ScoreSnapshot = initialSnapshot(DEFAULT_CONFIGURATION);
const CALL = { signal: new AbortController().signal, attempt: 1 };

const DECISION: Decision = {
  late: false,
  ruleSetVersion: "2025-01",
  configurationVersion: 1,
  before: { score: 600, raw: 600, tier: "standard" },
  after: { score: 590, raw: 590.25, tier: "standard" },
  points: -9.75,
  changes: [{ ruleID: "late-payment", ruleVersion: 1, delta: -9.75, reason: 'late; "quoted" \n 👋' }],
  held: [{ ruleID: "other", ruleVersion: 2, because: "cooldown" }],
  version: 1,
};

function storedAt(offset: number, version = 1): StoredDecision {
  return { decision: { ...DECISION, version }, digest: `digest-${offset}`, partition: "0", offset };
}

function writeOf(eventID: string, expectedVersion: number, about: Partial<SnapshotWrite> = {}): SnapshotWrite {
  const offset = expectedVersion;
  const version = expectedVersion + 1;
  const next: ScoreSnapshot = {
    score: 590,
    raw: 590.25,
    tier: "standard",
    lastCalculated: SAMPLE_TIME,
    lastEventAt: SAMPLE_TIME,
    version,
    source: { partition: "0", offset },
  };
  return {
    citizenID: "c-1",
    eventID,
    occurredAt: SAMPLE_TIME,
    expectedVersion,
    next,
    stored: storedAt(offset, version),
    ...about,
  };
}

function claimOf(ruleID: string, seen: string | undefined, eventID: string): RuleClaim {
  return { ruleID, seen, next: { lastEventID: eventID, applications: [{ eventID, at: SAMPLE_TIME }] }, keepMs: 1_000 };
}

/** What every set of adapters must do alike. */
export function portSuite(name: string, setup: (fixture: PortFixture) => Promise<PortSubject>): void {
  describe(`${name}: the ports' contract`, () => {
    let subject: PortSubject;
    beforeEach(async () => {
      subject = await setup(FIXTURE);
    });
    afterEach(() => subject.teardown());

    citizenStoreChecks(() => subject);
    ruleStateChecks(() => subject);
    lookupChecks(() => subject);
    sinkChecks(() => subject);
  });
}

function citizenStoreChecks(subject: () => PortSubject): void {
  const store = (): ScoringPorts["citizens"] => subject().ports.citizens;

  it("citizens: a new one is at the baseline, an unknown one is not there", async () => {
    expect(await store().read("c-1", "e-1")).toEqual({ snapshot: START, stored: undefined });
    expect(await store().read("nobody", "e-1")).toBeUndefined();
    expect(await store().write(writeOf("e-1", 0, { citizenID: "nobody" }))).toBe("conflict");
  });

  it("citizens: a write stores snapshot and decision together, bit for bit", async () => {
    const write = writeOf("e-1", 0);
    expect(await store().write(write)).toBe("written");
    expect(await store().read("c-1", "e-1")).toEqual({ snapshot: write.next, stored: write.stored });
    expect(await store().read("c-1", "e-2")).toEqual({ snapshot: write.next, stored: undefined });
    expect(await store().read("c-2", "e-1")).toEqual({ snapshot: START, stored: undefined });
  });

  it("citizens: a write on a version that is not there any more changes nothing", async () => {
    await store().write(writeOf("e-1", 0));
    expect(await store().write(writeOf("e-2", 0))).toBe("conflict");
    expect((await store().read("c-1", "e-2"))?.stored).toBeUndefined();
    expect((await store().read("c-1", "e-1"))?.snapshot.version).toBe(1);
  });

  it("citizens: of concurrent writes on one version exactly one wins", async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => store().write(writeOf(`e-${i}`, 0))));
    expect(results.filter((result) => result === "written")).toHaveLength(1);
    expect((await store().read("c-1", `e-${results.indexOf("written")}`))?.stored).toEqual(storedAt(0));
  });

  it("citizens: many writes at once, of many citizens, are all there", async () => {
    for (let version = 0; version < 30; version++) {
      const both = ["c-1", "c-2"].map((citizenID) =>
        store().write(writeOf(`${citizenID}-${version}`, version, { citizenID })),
      );
      expect(await Promise.all(both)).toEqual(["written", "written"]);
    }
    expect((await store().read("c-2", "c-2-29"))?.snapshot.version).toBe(30);
    expect((await store().read("c-2", "c-2-7"))?.stored?.decision.version).toBe(8);
  });

  it("citizens: a decision is forgotten only when its message is released and a copy would be too late", async () => {
    const latest = SAMPLE_TIME + DEFAULT_CONFIGURATION.latenessMs + 1;
    await store().write(writeOf("old", 0));
    const newer = writeOf("new", 1, { occurredAt: latest });
    await store().write({ ...newer, next: { ...newer.next, lastEventAt: latest } });
    const kept = async (): Promise<string[]> => {
      const found = await Promise.all(
        ["old", "new"].map(async (id) => ((await store().read("c-1", id))?.stored === undefined ? [] : [id])),
      );
      return found.flat();
    };
    await store().release(new Map([["0", 0]]));
    await store().release(new Map([["1", 99]]));
    expect(await kept()).toEqual(["old", "new"]);
    // "new" may come again after a crash, behind a copy of "old" that is not too late there.
    await store().release(new Map([["0", 1]]));
    expect(await kept()).toEqual(["old", "new"]);
    await store().release(new Map([["0", 99]]));
    await store().release(new Map([["0", 99]]));
    expect(await kept()).toEqual(["new"]);
  });
}

function ruleStateChecks(subject: () => PortSubject): void {
  const state = (): ScoringPorts["ruleState"] => subject().ports.ruleState;

  it("rule state: what was claimed is read, what was not is missing", async () => {
    expect(await state().read("c-1", ["r1", "r2"])).toEqual(new Map());
    expect(await state().claim("c-1", "e-1", [claimOf("r1", undefined, "e-1")])).toBe("claimed");
    expect(await state().read("c-1", ["r1", "r2"])).toEqual(new Map([["r1", claimOf("r1", undefined, "e-1").next]]));
    expect(await state().read("c-2", ["r1"])).toEqual(new Map());
  });

  it("rule state: a claim on what has changed is refused, a claim that is held by the same event is its own", async () => {
    await state().claim("c-1", "e-1", [claimOf("r1", undefined, "e-1")]);
    expect(await state().claim("c-1", "e-2", [claimOf("r1", undefined, "e-2")])).toBe("refused");
    expect(await state().claim("c-1", "e-1", [claimOf("r1", undefined, "e-1")])).toBe("claimed");
    expect(await state().claim("c-1", "e-2", [claimOf("r1", "e-1", "e-2")])).toBe("claimed");
    expect(await state().claim("c-1", "e-3", [claimOf("r1", "e-1", "e-3")])).toBe("refused");
  });

  it("rule state: all rules of an event are claimed, or none", async () => {
    await state().claim("c-1", "e-1", [claimOf("r2", undefined, "e-1")]);
    const both = [claimOf("r1", undefined, "e-2"), claimOf("r2", undefined, "e-2")];
    expect(await state().claim("c-1", "e-2", both)).toBe("refused");
    expect((await state().read("c-1", ["r1", "r2"])).get("r1")).toBeUndefined();
  });

  it("rule state: of concurrent claims exactly one holds", async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => state().claim("c-1", `e-${i}`, [claimOf("r1", undefined, `e-${i}`)])),
    );
    expect(results.filter((result) => result === "claimed")).toHaveLength(1);
    expect((await state().read("c-1", ["r1"])).get("r1")?.lastEventID).toBe(`e-${results.indexOf("claimed")}`);
  });
}

function lookupChecks(subject: () => PortSubject): void {
  it("lookups: profiles by citizen, without those who are not there", async () => {
    const found = await subject().ports.profiles.fetch(["c-1", "nobody", "c-2"], CALL);
    expect(found).toEqual(new Map(FIXTURE.profiles.map((profile) => [profile.citizenID, profile])));
  });

  it("lookups: the configuration in force, and the rules it names", async () => {
    const { configuration, ruleSets } = subject().ports;
    const active = (await configuration.fetch([ACTIVE_CONFIGURATION], CALL)).get(ACTIVE_CONFIGURATION);
    expect(active).toEqual(DEFAULT_CONFIGURATION);
    const rules = (await ruleSets.fetch([DEFAULT_CONFIGURATION.ruleSetVersion], CALL)).get(
      DEFAULT_CONFIGURATION.ruleSetVersion,
    );
    expect(rules?.version).toBe(DEFAULT_CONFIGURATION.ruleSetVersion);
    expect(rules?.rulesFor("financial", "late_payment").map((rule) => rule.ruleID)).toEqual(["late-payment"]);
  });
}

const TEXTS = ["plain", 'quotes " and \\ \n', "👩‍👩‍👧‍👦"];

/** A row of each store; `n` makes its key. */
function rowOf(name: StoreName, n: number, text = "x"): ContentRow {
  const values = Object.entries(STORES[name].columns).map(([column, type]) => {
    const inKey = (STORES[name].key as readonly string[]).includes(column);
    const value =
      type === "TEXT"
        ? inKey
          ? `${column}-${n}`
          : text
        : type === "BLOB"
          ? Buffer.from([0, n, 255])
          : inKey
            ? n
            : n + (type === "REAL" ? 0.1 : 1);
    return [column, value];
  });
  return Object.fromEntries(values);
}

function sinkChecks(subject: () => PortSubject): void {
  async function write(name: StoreName, rows: readonly ContentRow[]): Promise<void> {
    const connection = await (
      subject().ports.sinks[name] as unknown as import("@millrace/core").Sink<ContentRow>
    ).connect(testContext());
    const writer = await connection.open({ topology: "test", partitions: ["0"], lease: 1 }, undefined);
    const nothing = rows.map(() => undefined);
    const outcomes = await writer.write(rows, {
      ...CALL,
      ids: nothing,
      keys: nothing,
      times: nothing,
      origins: nothing,
    });
    if (outcomes?.some((outcome) => outcome !== "written"))
      throw new WriteError("fatal", "E_TEST", JSON.stringify(outcomes));
    await writer.flush?.(1);
    await writer.close();
    await connection.close();
  }

  async function held(name: ContentName): Promise<ContentRow[]> {
    const rows: ContentRow[] = [];
    for await (const row of subject().contents.rows(name)) rows.push({ ...row });
    return rows;
  }

  it.each(STORE_NAMES)("%s: keeps rows as they are, one for each key, however often they are written", async (name) => {
    const rows = TEXTS.map((text, n) => rowOf(name, n, text));
    await write(name, rows);
    await write(name, rows);
    const sorted = (all: readonly ContentRow[]): string[] => all.map((row) => JSON.stringify(row)).sort();
    expect(sorted(await held(name))).toEqual(sorted(rows));
  });

  it("hourly: a window that fires again replaces its row", async () => {
    await write("hourly", [rowOf("hourly", 1)]);
    await write("hourly", [{ ...rowOf("hourly", 1), events: 9 }]);
    expect((await held("hourly")).map((row) => row.events)).toEqual([9]);
  });

  it("archive: a copy that was archived only does not replace what was scored", async () => {
    await write("archive", [{ ...rowOf("archive", 1), scored: 0, payload: "first" }]);
    await write("archive", [{ ...rowOf("archive", 1), scored: 1, payload: "scored" }]);
    await write("archive", [{ ...rowOf("archive", 1), scored: 0, payload: "later" }]);
    expect((await held("archive")).map((row) => row.payload)).toEqual(["scored"]);
  });
}
