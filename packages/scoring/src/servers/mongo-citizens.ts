import type { Lookup } from "@millrace/core";
import { mongoLookup } from "@millrace/mongo";
import type { Collection, Db, Document } from "mongodb";
import { initialSnapshot } from "../decide/score-snapshot.js";
import type { NewCitizen } from "../embedded/embedded-citizens.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { CitizenRecord, CitizenStore, SnapshotWrite } from "../ports/citizen-store.js";
import { type SnapshotRow, snapshotRow } from "../ports/store-contents.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import {
  type CitizenDocument,
  citizenDocument,
  type DecisionDocument,
  decisionDocument,
  profileOf,
  snapshotDocument,
  snapshotOf,
  storedOf,
} from "./citizen-document.js";
import { calling } from "./mongo-call.js";
import { CITIZENS } from "./mongo-schema.js";

/** Citizens whose decisions are looked at, at most, each time that offsets are released. */
const SWEEP_SIZE = 500;
const ADD_SIZE = 500;

/** The time between the first decision that may be kept for a citizen and the last one, as far as this process knows. */
interface Span {
  first: number;
  last: number;
}

/** The citizen store in MongoDB: a citizen is one document, so score and decision are written by one compare-and-set. */
export class MongoCitizens implements CitizenStore {
  readonly #db: Db;
  readonly #citizens: Collection<CitizenDocument>;
  readonly #latenessMs: number;
  readonly #released = new Map<string, number>();
  /** Written by this process. Of others the one that wrote them last has the care; what a dead one left waits for the next write. */
  readonly #spans = new Map<string, Span>();

  constructor(db: Db, latenessMs: number) {
    this.#db = db;
    this.#citizens = db.collection<CitizenDocument>(CITIZENS);
    this.#latenessMs = latenessMs;
  }

  async read(citizenID: string, eventID: string): Promise<CitizenRecord | undefined> {
    const found = await calling("read", () =>
      this.#citizens.findOne(
        { _id: citizenID },
        { projection: { scoreSnapshot: 1, decisions: { $elemMatch: { e: eventID } } } },
      ),
    );
    if (found === null) return undefined;
    // Without a match the server leaves the field out.
    const [stored] = (found.decisions ?? []) as readonly DecisionDocument[];
    return { snapshot: snapshotOf(found.scoreSnapshot), stored: stored && storedOf(stored) };
  }

  async write(write: SnapshotWrite): Promise<"written" | "conflict"> {
    const { citizenID, eventID, occurredAt, expectedVersion, next, stored } = write;
    const { matchedCount } = await calling("write", () =>
      this.#citizens.updateOne(
        { _id: citizenID, "scoreSnapshot.version": expectedVersion } as Document,
        {
          $set: { scoreSnapshot: snapshotDocument(next) },
          $push: { decisions: decisionDocument(eventID, occurredAt, stored) },
        } as Document,
      ),
    );
    if (matchedCount === 0) return "conflict";
    this.#note(citizenID, occurredAt);
    return "written";
  }

  /** Looks at citizens that have decisions far enough apart, some at a time: a decision goes when a released one is so much later. */
  async release(offsets: ReadonlyMap<string, number>): Promise<void> {
    for (const [partition, offset] of offsets) this.#released.set(partition, offset);
    const due: string[] = [];
    for (const [citizenID, { first, last }] of this.#spans) {
      if (last - first <= this.#latenessMs) continue;
      due.push(citizenID);
      if (due.length === SWEEP_SIZE) break;
    }
    if (due.length > 0) await calling("write", () => this.#forget(due));
  }

  /** Makes citizens known, with a score at the baseline. Who is known already stays as they are. */
  async add(citizens: Iterable<NewCitizen>, configuration: ScoringConfiguration): Promise<void> {
    const snapshot = initialSnapshot(configuration);
    const all = [...citizens];
    for (let from = 0; from < all.length; from += ADD_SIZE) {
      const some = all.slice(from, from + ADD_SIZE);
      const ids = some.map(({ profile }) => profile.citizenID);
      await calling("write", async () => {
        const known = await this.#citizens.find({ _id: { $in: ids } }, { projection: { _id: 1 } }).toArray();
        const there = new Set(known.map(({ _id }) => _id));
        const missing = some.filter(({ profile }) => !there.has(profile.citizenID));
        if (missing.length === 0) return;
        // Another process may add them at the same moment.
        await this.#citizens.bulkWrite(
          missing.map((citizen) => {
            const { _id, ...rest } = citizenDocument(citizen, snapshot);
            return { updateOne: { filter: { _id }, update: { $setOnInsert: rest }, upsert: true } };
          }),
        );
      });
    }
  }

  /**
   * The profiles as a lookup. Without a change stream: each score is a change of its citizen's document, so one would carry every event.
   * They are as stale as the topology's cache allows (a second).
   */
  profiles(): Lookup<string, CitizenProfile> {
    return mongoLookup<string, CitizenProfile>({
      client: this.#db.client,
      database: this.#db.databaseName,
      collection: CITIZENS,
      name: "profiles",
      projection: { demographics: 1, consent: 1, flags: 1 },
      value: (document) => profileOf(document as unknown as CitizenDocument),
    });
  }

  /** How many citizens are in each tier. */
  async tiers(): Promise<ReadonlyMap<string, number>> {
    const groups = this.#citizens.aggregate<{ readonly _id: string; readonly n: number }>([
      { $group: { _id: "$scoreSnapshot.tier", n: { $sum: 1 } } },
    ]);
    return new Map((await groups.toArray()).map(({ _id, n }) => [_id, n]));
  }

  /** All scores, for comparison. */
  async *rows(): AsyncGenerator<SnapshotRow> {
    const all = this.#citizens.find({}, { projection: { scoreSnapshot: 1 } });
    for await (const { _id, scoreSnapshot } of all) yield snapshotRow(_id, snapshotOf(scoreSnapshot));
  }

  #note(citizenID: string, occurredAt: number): void {
    const span = this.#spans.get(citizenID);
    // What was kept before this process began may be older than anything it knows of.
    if (span === undefined) this.#spans.set(citizenID, { first: Number.NEGATIVE_INFINITY, last: occurredAt });
    else {
      span.first = Math.min(span.first, occurredAt);
      span.last = Math.max(span.last, occurredAt);
    }
  }

  async #forget(citizenIDs: readonly string[]): Promise<void> {
    const projection = { "decisions.e": 1, "decisions.p": 1, "decisions.o": 1, "decisions.t": 1 };
    const found = await this.#citizens.find({ _id: { $in: citizenIDs } }, { projection }).toArray();
    const pulls: { readonly _id: string; readonly events: readonly string[] }[] = [];
    for (const { _id, decisions } of found) {
      const events = this.#forgettable(decisions);
      if (events.length > 0) pulls.push({ _id, events });
    }
    if (pulls.length > 0)
      await this.#citizens.bulkWrite(
        pulls.map(({ _id, events }) => ({
          updateOne: { filter: { _id }, update: { $pull: { decisions: { e: { $in: events } } } } as Document },
        })),
        { ordered: false },
      );
    const gone = new Map(pulls.map(({ _id, events }) => [_id, new Set(events)]));
    for (const { _id, decisions } of found)
      this.#kept(
        _id,
        decisions.filter(({ e }) => gone.get(_id)?.has(e) !== true),
      );
  }

  #forgettable(decisions: readonly DecisionDocument[]): string[] {
    const latest = new Map<string, number>();
    const released = decisions.filter(({ p, o }) => Number(o) < (this.#released.get(p) ?? 0));
    for (const { p, t } of released) latest.set(p, Math.max(latest.get(p) ?? Number.NEGATIVE_INFINITY, t.getTime()));
    return released.filter(({ p, t }) => (latest.get(p) as number) > t.getTime() + this.#latenessMs).map(({ e }) => e);
  }

  /** Behind a look: what is kept is known now. It goes to the end of the queue, so that all have their turn. */
  #kept(citizenID: string, decisions: readonly DecisionDocument[]): void {
    const last = this.#spans.get(citizenID)?.last ?? Number.NEGATIVE_INFINITY;
    this.#spans.delete(citizenID);
    const times = decisions.map(({ t }) => t.getTime());
    if (times.length > 0) this.#spans.set(citizenID, { first: Math.min(...times), last: Math.max(last, ...times) });
  }
}
