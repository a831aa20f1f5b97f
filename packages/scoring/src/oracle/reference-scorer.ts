import { decide } from "../decide/decide.js";
import type { Decision, StoredDecision } from "../decide/outcome.js";
import type { RuleApplications } from "../decide/rule-limits.js";
import { initialSnapshot, type ScoreSnapshot } from "../decide/score-snapshot.js";
import { decodeEvent, isRefused, type Received, type ReceivedEvent } from "../event/decode-event.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { ContentName, ContentRow } from "../ports/store-contents.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { RuleSet } from "../rules/rule-set.js";
import { ActivityRecount } from "./activity-recount.js";
import { archiveRowOf, historyRowsOf, rawEventRowOf } from "./expected-rows.js";

/** What the reference scorer must know besides the log. Times are milliseconds. */
export interface ReferenceOptions {
  readonly profiles: Iterable<CitizenProfile>;
  readonly configuration: ScoringConfiguration;
  readonly ruleSet: RuleSet;
  readonly maxOutOfOrdernessMs: number;
  readonly allowedLatenessMs: number;
}

/** How many messages came to which end. */
export interface ReferenceCounts {
  messages: number;
  scored: number;
  archivedOnly: number;
  duplicates: number;
  deadLetters: number;
  /** Scored although they occurred before others. */
  outOfOrder: number;
}

/** Takes one row that a store must hold. A later row of the same key replaces an earlier one. */
export type EmitRow = (store: ContentName, row: ContentRow) => void;

interface Citizen {
  readonly profile: CitizenProfile;
  snapshot: ScoreSnapshot;
  readonly decisions: Map<string, StoredDecision>;
  readonly applications: Map<string, RuleApplications>;
}

/**
 * The oracle: reads a log from its first message, one after the other, and says what every store must hold in the end. It shares
 * nothing with the pipeline but reading an event and deciding about it: no engine, no ports, no batches, no checkpoints. Rows go to
 * `emit` as they come to be; snapshots, rule state and activity summaries only at `finish()`.
 *
 * @example
 * ```ts
 * import { compileRuleSet, DEFAULT_CONFIGURATION, DEFAULT_RULES, type Received, ReferenceScorer, syntheticCitizens } from "@millrace/scoring";
 * declare const log: Iterable<Received>;
 * const profiles = syntheticCitizens({ seed: 7, count: 100 }).map(({ profile }) => profile);
 * const ruleSet = compileRuleSet(DEFAULT_CONFIGURATION.ruleSetVersion, DEFAULT_RULES);
 * const options = { profiles, ruleSet, configuration: DEFAULT_CONFIGURATION, maxOutOfOrdernessMs: 300_000, allowedLatenessMs: 900_000 };
 * const scorer = new ReferenceScorer(options, (store, row) => console.log(store, row));
 * for (const message of log) scorer.read(message);
 * scorer.finish();
 * ```
 */
export class ReferenceScorer {
  readonly counts: ReferenceCounts = {
    messages: 0,
    scored: 0,
    archivedOnly: 0,
    duplicates: 0,
    deadLetters: 0,
    outOfOrder: 0,
  };
  readonly #options: ReferenceOptions;
  readonly #emit: EmitRow;
  readonly #citizens: ReadonlyMap<string, Citizen>;
  readonly #activity: ActivityRecount;
  /** Partition → its watermark: no more values up to here are expected. */
  readonly #watermarks = new Map<string, number>();

  constructor(options: ReferenceOptions, emit: EmitRow) {
    this.#options = options;
    this.#emit = emit;
    this.#activity = new ActivityRecount(options.allowedLatenessMs, emit);
    const snapshot = initialSnapshot(options.configuration);
    const citizens = [...options.profiles].map((profile): [string, Citizen] => [
      profile.citizenID,
      { profile, snapshot, decisions: new Map(), applications: new Map() },
    ]);
    this.#citizens = new Map(citizens);
  }

  /** The next message. Messages of one partition must come in the order of their offsets. */
  read(message: Received): void {
    this.counts.messages++;
    const decoded = decodeEvent(message);
    if (isRefused(decoded)) {
      this.#deadLetter(message, decoded.problem.code, decoded.problem.message, message.key ?? null);
      return;
    }
    const { event } = decoded;
    const watermark = this.#advance(decoded);
    const citizen = this.#citizens.get(event.citizenID);
    if (citizen === undefined) {
      this.#deadLetter(message, "E_CITIZEN_UNKNOWN", `there is no citizen ${event.citizenID}`, event.citizenID);
      return;
    }
    this.#decide(citizen, decoded, watermark);
  }

  /** After the last message: what is only known at the end. */
  finish(): void {
    for (const [citizenID, { snapshot, applications }] of this.#citizens) {
      const { score, raw, tier, lastCalculated = null, lastEventAt = null, version, source } = snapshot;
      const place = { partition: source?.partition ?? null, offset: source?.offset ?? null };
      this.#emit("snapshots", { citizenID, score, raw, tier, lastCalculated, lastEventAt, version, ...place });
      for (const [ruleID, row] of applications) {
        this.#emit("ruleState", {
          citizenID,
          ruleID,
          lastEventID: row.lastEventID,
          applications: JSON.stringify(row.applications),
        });
      }
    }
    this.#activity.finish();
  }

  /** The partition's watermark just before this event, if the event came at or behind it; moves it on. */
  #advance({ event: { occurredAt }, partition }: ReceivedEvent): number | undefined {
    const before = this.#watermarks.get(partition) ?? Number.NEGATIVE_INFINITY;
    this.#watermarks.set(partition, Math.max(before, occurredAt - this.#options.maxOutOfOrdernessMs - 1));
    return occurredAt <= before + 1 ? before : undefined;
  }

  #decide(citizen: Citizen, received: ReceivedEvent, watermark: number | undefined): void {
    const { event, digest, partition, offset } = received;
    const { snapshot, decisions, applications } = citizen;
    const state = { snapshot, stored: decisions.get(event.eventID), applications };
    const outcome = decide(received, citizen.profile, this.#options.ruleSet, this.#options.configuration, state);
    if (outcome.kind === "duplicate") this.counts.duplicates++;
    if (outcome.kind === "conflict") {
      this.#deadLetter(
        received,
        "E_EVENT_CONFLICT",
        `event ${event.eventID} came before with other content`,
        event.citizenID,
      );
    }
    if (outcome.kind !== "decided") return;
    citizen.snapshot = outcome.next;
    decisions.set(event.eventID, { decision: outcome.decision, digest, partition, offset });
    for (const claim of outcome.claims) applications.set(claim.ruleID, claim.next);
    this.#derive(citizen, received, outcome.decision, watermark);
  }

  #derive({ profile }: Citizen, { event }: ReceivedEvent, decision: Decision, watermark: number | undefined): void {
    this.#emit("archive", archiveRowOf(event, decision));
    if (decision.archivedBecause !== undefined) {
      this.counts.archivedOnly++;
      return;
    }
    this.counts.scored++;
    if (decision.late) this.counts.outOfOrder++;
    this.#emit("rawEvents", rawEventRowOf(event));
    for (const row of historyRowsOf(event, decision)) this.#emit("history", row);
    if (profile.consent.profiling) this.#activity.add(event, decision, watermark);
  }

  #deadLetter(
    { partition, offset, bytes }: Pick<Received, "partition" | "offset" | "bytes">,
    code: string,
    message: string,
    key: string | null,
  ): void {
    this.counts.deadLetters++;
    this.#emit("deadLetters", { partition, offset, code, message, key, bytes });
  }
}
