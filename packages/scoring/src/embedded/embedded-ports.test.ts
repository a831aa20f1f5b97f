import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ACTIVE_CONFIGURATION } from "../ports/scoring-ports.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import { portSuite } from "../testing/port-suite.js";
import { aCitizen, aRule } from "../testing/samples.js";
import { EmbeddedCitizens } from "./embedded-citizens.js";
import { EmbeddedContents } from "./embedded-contents.js";
import { type EmbeddedOptions, EmbeddedPorts } from "./embedded-ports.js";
import { GroupCommit } from "./group-commit.js";
import { openScoreDatabase } from "./score-database.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-scoring-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const CITIZENS = [aCitizen(), aCitizen({ citizenID: "c-2", flags: ["student"] })];
const named = CITIZENS.map((profile, i) => ({ profile, nationalID: `SIM-${i}`, name: "Somebody" }));

function open(about: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPorts> {
  return EmbeddedPorts.open({
    directory,
    configuration: DEFAULT_CONFIGURATION,
    rules: [aRule()],
    citizens: named,
    ...about,
  });
}

portSuite("on SQLite", async ({ profiles, configuration, rules }) => {
  const citizens = profiles.map((profile, i) => ({ profile, nationalID: `SIM-${i}`, name: "Somebody" }));
  const ports = await open({ configuration, rules, citizens });
  const contents: { rows: EmbeddedContents["rows"] } = {
    *rows(name) {
      const reader = new EmbeddedContents(ports.files.scores, ports.files.facts);
      try {
        yield* reader.rows(name);
      } finally {
        reader.close();
      }
    },
  };
  return { ports, contents, teardown: () => ports.close() };
});

describe("EmbeddedPorts", () => {
  it("keeps what was written when it is opened again, and citizens as they are", async () => {
    const first = await open();
    const record = await first.citizens.read("c-1", "e");
    const next = { ...(record?.snapshot as NonNullable<typeof record>["snapshot"]), score: 1, raw: 1.5, version: 1 };
    const stored = { decision: {} as never, digest: "d", partition: "0", offset: 0 };
    await first.citizens.write({ citizenID: "c-1", eventID: "e", occurredAt: 1, expectedVersion: 0, next, stored });
    await first.close();
    const second = await open();
    expect((await second.citizens.read("c-1", "e"))?.snapshot).toMatchObject({ score: 1, raw: 1.5, version: 1 });
    await second.close();
  });

  it("refuses a second citizen with the same nationalID", async () => {
    const ports = await open();
    const again = [{ profile: aCitizen({ citizenID: "c-9" }), nationalID: "SIM-0", name: "Somebody" }];
    await expect(ports.citizens.add(again, DEFAULT_CONFIGURATION)).rejects.toThrow(/UNIQUE.*nationalID/);
    await ports.close();
  });

  it("comes by all decisions in turn when it forgets, whichever partition says that it is done", async () => {
    const ports = await open();
    const db = openScoreDatabase(ports.files.scores);
    const insert = db.prepare(
      "INSERT INTO decisions (citizenID, eventID, partition, offset, digest, occurredAt, decision) VALUES ('c-1', ?, ?, ?, '', ?, '{}')",
    );
    // The last released one of each partition makes copies of those before it too late.
    for (let i = 0; i < 50; i++) insert.run(`e-${i}`, String(i % 5), i, i >= 40 && i < 45 ? 1_000 : 0);
    const citizens = new EmbeddedCitizens(db, new GroupCommit(db), 500, 10);
    for (let round = 0; round < 2; round++)
      for (let partition = 0; partition < 5; partition++) await citizens.release(new Map([[String(partition), 45]]));
    await citizens.release(new Map());
    expect(db.prepare("SELECT min(offset), count(*) FROM decisions").raw().get()).toEqual([40, 10]);
    db.close();
    await ports.close();
  });

  it("counts tiers", async () => {
    const ports = await open();
    expect(ports.tiers()).toEqual(new Map([["standard", 2]]));
    await ports.close();
  });
});

describe("EmbeddedRulebook", () => {
  it("switches rules and configuration in one step, and keeps all versions", async () => {
    const ports = await open();
    const { rulebook } = ports;
    rulebook.saveRuleSet("next", [aRule({ version: 2, points: -20 })]);
    expect(rulebook.active()?.ruleSetVersion).toBe(DEFAULT_CONFIGURATION.ruleSetVersion);
    rulebook.activate({ ...DEFAULT_CONFIGURATION, version: 2, ruleSetVersion: "next" });
    const found = await ports.configuration.fetch([ACTIVE_CONFIGURATION], {
      signal: new AbortController().signal,
      attempt: 1,
    });
    expect(found.get(ACTIVE_CONFIGURATION)?.ruleSetVersion).toBe("next");
    expect(rulebook.ruleSet("next").rulesFor("financial", "late_payment")[0]?.version).toBe(2);
    expect(
      rulebook.ruleSet(DEFAULT_CONFIGURATION.ruleSetVersion).rulesFor("financial", "late_payment")[0]?.version,
    ).toBe(1);
    await ports.close();
  });

  it("refuses what is not valid, and any change of a version", async () => {
    const ports = await open();
    const { rulebook } = ports;
    expect(() => rulebook.saveRuleSet("bad", [aRule({ points: { fact: "nonsense" } })])).toThrow(/rule late-payment/);
    expect(() => rulebook.saveRuleSet("changed", [aRule({ points: -11 })])).toThrow(/an edit makes the next version/);
    expect(() => rulebook.saveRuleSet(DEFAULT_CONFIGURATION.ruleSetVersion, [aRule({ version: 2 })])).toThrow(
      /versions do not change/,
    );
    expect(() => rulebook.activate({ ...DEFAULT_CONFIGURATION, version: 2, baseline: -5 })).toThrow(
      /baseline must be within bounds/,
    );
    expect(() => rulebook.activate({ ...DEFAULT_CONFIGURATION, version: 2, ruleSetVersion: "none" })).toThrow(
      /there is no rule set none/,
    );
    expect(() => rulebook.activate({ ...DEFAULT_CONFIGURATION, baseline: 500 })).toThrow(/take a new version/);
    expect(rulebook.active()).toEqual(DEFAULT_CONFIGURATION);
    await ports.close();
  });
});

describe("GroupCommit", () => {
  it("puts what is asked for in one turn into one transaction, and undoes all of it when one part fails", async () => {
    const db = openScoreDatabase(join(directory, "group.db"));
    const group = new GroupCommit(db);
    db.exec("CREATE TABLE numbers (n INTEGER PRIMARY KEY)");
    const insert = db.prepare("INSERT INTO numbers VALUES (?)");
    const add = (n: number): Promise<number> => group.run(() => Number(insert.run(n).changes));
    expect(await Promise.all([add(1), add(2)])).toEqual([1, 1]);
    const failed = await Promise.allSettled([add(3), add(2), add(4)]);
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(db.prepare("SELECT n FROM numbers").pluck().all()).toEqual([1, 2]);
    expect(await add(5)).toBe(1);
    expect(await Promise.all(Array.from({ length: 600 }, (_, i) => add(10 + i)))).toHaveLength(600);
    db.close();
  });
});
