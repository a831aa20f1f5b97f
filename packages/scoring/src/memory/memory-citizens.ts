import type { CallContext, Lookup } from "@millrace/core";
import type { StoredDecision } from "../decide/outcome.js";
import { initialSnapshot, type ScoreSnapshot } from "../decide/score-snapshot.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { CitizenRecord, CitizenStore, SnapshotWrite } from "../ports/citizen-store.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { Unsteady } from "./unsteady.js";

interface Citizen {
  readonly profile: CitizenProfile;
  snapshot: ScoreSnapshot;
  readonly decisions: Map<string, { readonly occurredAt: number; readonly stored: StoredDecision }>;
}

/** The citizen store in memory. */
export class MemoryCitizens implements CitizenStore {
  readonly #unsteady: Unsteady;
  readonly #latenessMs: number;
  readonly #citizens: ReadonlyMap<string, Citizen>;

  constructor(unsteady: Unsteady, configuration: ScoringConfiguration, profiles: readonly CitizenProfile[]) {
    this.#unsteady = unsteady;
    this.#latenessMs = configuration.latenessMs;
    const snapshot = initialSnapshot(configuration);
    this.#citizens = new Map(
      profiles.map((profile) => [profile.citizenID, { profile, snapshot, decisions: new Map() }]),
    );
  }

  read(citizenID: string, eventID: string): Promise<CitizenRecord | undefined> {
    return this.#unsteady.call(() => {
      const citizen = this.#citizens.get(citizenID);
      return citizen && { snapshot: citizen.snapshot, stored: citizen.decisions.get(eventID)?.stored };
    });
  }

  write({
    citizenID,
    eventID,
    occurredAt,
    expectedVersion,
    next,
    stored,
  }: SnapshotWrite): Promise<"written" | "conflict"> {
    return this.#unsteady.call(() => {
      const citizen = this.#citizens.get(citizenID);
      if (citizen === undefined || citizen.snapshot.version !== expectedVersion) return "conflict";
      citizen.snapshot = next;
      citizen.decisions.set(eventID, { occurredAt, stored });
      return "written";
    });
  }

  release(offsets: ReadonlyMap<string, number>): Promise<void> {
    return this.#unsteady.call(() => {
      for (const { decisions } of this.#citizens.values()) {
        const released = [...decisions].filter(
          ([, { stored }]) => stored.offset < (offsets.get(stored.partition) ?? 0),
        );
        const latest = Math.max(...released.map(([, { occurredAt }]) => occurredAt));
        for (const [eventID, { occurredAt }] of released)
          if (occurredAt < latest - this.#latenessMs) decisions.delete(eventID);
      }
    });
  }

  /** The profiles as a lookup. */
  profiles(): Lookup<string, CitizenProfile> {
    return {
      name: "profiles",
      fetch: (citizenIDs: readonly string[], _context: CallContext) =>
        this.#unsteady.call(() => {
          const found = citizenIDs.flatMap((citizenID) => this.#citizens.get(citizenID) ?? []);
          return new Map(found.map(({ profile }) => [profile.citizenID, profile]));
        }),
    };
  }

  /** Everybody, at once and without fail: for comparisons. */
  known(): CitizenProfile[] {
    return [...this.#citizens.values()].map(({ profile }) => profile);
  }

  snapshots(): Map<string, ScoreSnapshot> {
    return new Map([...this.#citizens].map(([citizenID, citizen]) => [citizenID, citizen.snapshot]));
  }

  /** How many decisions are kept. */
  get decisions(): number {
    return [...this.#citizens.values()].reduce((sum, { decisions }) => sum + decisions.size, 0);
  }
}
