import type { Lookup } from "@millrace/core";
import type { Statement } from "better-sqlite3";
import type { Decision } from "../decide/outcome.js";
import { initialSnapshot, type ScoreSnapshot } from "../decide/score-snapshot.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { CitizenRecord, CitizenStore, SnapshotWrite } from "../ports/citizen-store.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { GroupCommit } from "./group-commit.js";
import type { ScoreConnection } from "./score-database.js";

/** Somebody to be known to the system. */
export interface NewCitizen {
  readonly profile: CitizenProfile;
  readonly nationalID: string;
  readonly name: string;
}

interface SnapshotColumns {
  readonly score: number;
  readonly raw: number;
  readonly tier: string;
  readonly lastCalculated: number | null;
  readonly lastEventAt: number | null;
  readonly version: number;
  readonly partition: string | null;
  readonly offset: number | null;
}

interface DecisionColumns {
  readonly decision: string;
  readonly digest: string;
  readonly partition: string;
  readonly offset: number;
}

/** How many decisions are looked at, at most, each time that offsets are released. */
const SWEEP_SIZE = 5_000;

/** The citizen store in the score database. */
export class EmbeddedCitizens implements CitizenStore {
  readonly #db: ScoreConnection;
  readonly #group: GroupCommit;
  readonly #latenessMs: number;
  readonly #snapshot: Statement<[string], SnapshotColumns>;
  readonly #decision: Statement<[string, string], DecisionColumns>;
  readonly #update: Statement;
  readonly #insert: Statement;
  readonly #sweepSize: number;
  readonly #released = new Map<string, number>();
  #sweptTo = 0;

  constructor(db: ScoreConnection, group: GroupCommit, latenessMs: number, sweepSize: number = SWEEP_SIZE) {
    this.#db = db;
    this.#group = group;
    this.#latenessMs = latenessMs;
    this.#sweepSize = sweepSize;
    this.#snapshot = db.prepare(
      "SELECT score, raw, tier, lastCalculated, lastEventAt, version, partition, offset FROM citizens WHERE citizenID = ?",
    );
    this.#decision = db.prepare(
      "SELECT decision, digest, partition, offset FROM decisions WHERE citizenID = ? AND eventID = ?",
    );
    this.#update = db.prepare(
      "UPDATE citizens SET score = ?, raw = ?, tier = ?, lastCalculated = ?, lastEventAt = ?, version = ?, partition = ?, offset = ? WHERE citizenID = ? AND version = ?",
    );
    this.#insert = db.prepare(
      "INSERT INTO decisions (citizenID, eventID, partition, offset, digest, occurredAt, decision) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
  }

  async read(citizenID: string, eventID: string): Promise<CitizenRecord | undefined> {
    const columns = this.#snapshot.get(citizenID);
    if (columns === undefined) return undefined;
    const found = this.#decision.get(citizenID, eventID);
    const stored = found && { ...found, decision: JSON.parse(found.decision) as Decision };
    return { snapshot: snapshotOf(columns), stored };
  }

  write({
    citizenID,
    eventID,
    occurredAt,
    expectedVersion,
    next,
    stored,
  }: SnapshotWrite): Promise<"written" | "conflict"> {
    return this.#group.run(() => {
      const { score, raw, tier, lastCalculated = null, lastEventAt = null, version, source } = next;
      const place = [source?.partition ?? null, source?.offset ?? null];
      const { changes } = this.#update.run(
        score,
        raw,
        tier,
        lastCalculated,
        lastEventAt,
        version,
        ...place,
        citizenID,
        expectedVersion,
      );
      if (changes === 0) return "conflict";
      this.#insert.run(
        citizenID,
        eventID,
        stored.partition,
        stored.offset,
        stored.digest,
        occurredAt,
        JSON.stringify(stored.decision),
      );
      return "written";
    });
  }

  /** Looks at a part of all decisions each time, so that it costs the same however many there are; comes by all of them in turn. */
  release(offsets: ReadonlyMap<string, number>): Promise<void> {
    for (const [partition, offset] of offsets) this.#released.set(partition, offset);
    return this.#group.run(() => {
      const last = this.#db
        .prepare("SELECT max(id) FROM (SELECT id FROM decisions WHERE id > ? ORDER BY id LIMIT ?)")
        .pluck()
        .get(this.#sweptTo, this.#sweepSize) as number | null;
      const sweep = this.#db.prepare(
        `DELETE FROM decisions WHERE id > @from AND id <= @to AND partition = @partition AND offset < @offset AND EXISTS (
           SELECT 1 FROM decisions AS later WHERE later.citizenID = decisions.citizenID AND later.partition = @partition
             AND later.offset < @offset AND later.occurredAt > decisions.occurredAt + @lateness)`,
      );
      for (const [partition, offset] of last === null ? [] : this.#released) {
        sweep.run({ from: this.#sweptTo, to: last, partition, offset, lateness: this.#latenessMs });
      }
      this.#sweptTo = last ?? 0;
    });
  }

  /** Makes citizens known, with a score at the baseline. Who is known already stays as they are. */
  async add(citizens: Iterable<NewCitizen>, configuration: ScoringConfiguration): Promise<void> {
    const { score, raw, tier } = initialSnapshot(configuration);
    const insert = this.#db.prepare(
      "INSERT INTO citizens (citizenID, nationalID, name, profile, score, raw, tier, version) VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (citizenID) DO NOTHING",
    );
    await this.#group.run(() => {
      for (const { profile, nationalID, name } of citizens) {
        insert.run(profile.citizenID, nationalID, name, JSON.stringify(profile), score, raw, tier);
      }
    });
  }

  /** The profiles as a lookup. */
  profiles(): Lookup<string, CitizenProfile> {
    const profile = this.#db.prepare<[string], string>("SELECT profile FROM citizens WHERE citizenID = ?").pluck();
    return {
      name: "profiles",
      fetch: async (citizenIDs) => {
        const found = new Map<string, CitizenProfile>();
        for (const citizenID of citizenIDs) {
          const text = profile.get(citizenID);
          if (text !== undefined) found.set(citizenID, JSON.parse(text) as CitizenProfile);
        }
        return found;
      },
    };
  }
}

function snapshotOf({
  score,
  raw,
  tier,
  lastCalculated,
  lastEventAt,
  version,
  partition,
  offset,
}: SnapshotColumns): ScoreSnapshot {
  return {
    score,
    raw,
    tier,
    lastCalculated: lastCalculated ?? undefined,
    lastEventAt: lastEventAt ?? undefined,
    version,
    source: partition === null || offset === null ? undefined : { partition, offset },
  };
}
