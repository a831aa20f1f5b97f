import type { StoredDecision } from "../decide/outcome.js";
import type { ScoreSnapshot } from "../decide/score-snapshot.js";

/** What the store knows of a citizen, and of one event of that citizen. */
export interface CitizenRecord {
  readonly snapshot: ScoreSnapshot;
  /** The decision about the event that was asked for, if there is one. */
  readonly stored: StoredDecision | undefined;
}

/** A new snapshot together with the decision that made it: one write, or none. */
export interface SnapshotWrite {
  readonly citizenID: string;
  readonly eventID: string;
  readonly occurredAt: number;
  /** The version that was read. The write is refused when it is another by now. */
  readonly expectedVersion: number;
  readonly next: ScoreSnapshot;
  readonly stored: StoredDecision;
}

/**
 * The truth about scores. A write stores score and decision at once, so the decision is the outbox: whoever reads the event again
 * finds it and emits it again. Writes that fail with an unknown outcome may be repeated: the version tells.
 */
export interface CitizenStore {
  /** Undefined: nobody with this ID. */
  read(citizenID: string, eventID: string): Promise<CitizenRecord | undefined>;
  write(write: SnapshotWrite): Promise<"written" | "conflict">;
  /**
   * Messages before these offsets (partition → offset) will not come again. Decisions about them may be forgotten, once a copy of
   * their event would be too late to be scored: later than a released event of the citizen by more than the lateness. The score does not
   * tell, since after a crash it may have events in it that are still to come again, behind such a copy.
   */
  release(offsets: ReadonlyMap<string, number>): Promise<void>;
}
