import { Double, Int32, Long } from "mongodb";
import type { Decision, StoredDecision } from "../decide/outcome.js";
import type { ScoreSnapshot } from "../decide/score-snapshot.js";
import type { NewCitizen } from "../embedded/embedded-citizens.js";
import type { CitizenProfile, Consent } from "../ports/citizen-profile.js";

/** A score as it stands in a document: numbers are wrapped, since the driver would write 600.0 as an int. */
interface SnapshotDocument {
  readonly score: Int32 | number;
  readonly raw: Double | number;
  readonly tier: string;
  readonly version: Long | number;
  readonly lastCalculated?: Date;
  readonly lastEventAt?: Date;
  readonly source?: { readonly partition: string; readonly offset: Long | number };
}

/** A decision in its citizen's document: the outbox. Short names, because there are many of them. */
export interface DecisionDocument {
  /** eventID, partition, offset, occurredAt, digest. */
  readonly e: string;
  readonly p: string;
  readonly o: Long | number;
  readonly t: Date;
  readonly d: string;
  /** The decision as JSON: it comes back bit for bit. */
  readonly x: string;
}

/** A document of `citizens`. */
export interface CitizenDocument {
  readonly _id: string;
  readonly nationalID: string;
  readonly name: string;
  readonly demographics: { readonly birthYear: number; readonly region: string };
  readonly consent: Consent;
  readonly flags: readonly string[];
  readonly scoreSnapshot: SnapshotDocument;
  readonly decisions: readonly DecisionDocument[];
}

export function citizenDocument({ profile, nationalID, name }: NewCitizen, snapshot: ScoreSnapshot): CitizenDocument {
  const { citizenID, birthYear, region, consent, flags } = profile;
  return {
    _id: citizenID,
    nationalID,
    name,
    demographics: { birthYear, region },
    consent,
    flags,
    scoreSnapshot: snapshotDocument(snapshot),
    decisions: [],
  };
}

export function profileOf({
  _id,
  demographics,
  consent,
  flags,
}: Pick<CitizenDocument, "_id" | "demographics" | "consent" | "flags">): CitizenProfile {
  return { citizenID: _id, birthYear: demographics.birthYear, region: demographics.region, consent, flags };
}

export function snapshotDocument(snapshot: ScoreSnapshot): SnapshotDocument {
  const { score, raw, tier, lastCalculated, lastEventAt, version, source } = snapshot;
  return {
    score: new Int32(score),
    raw: new Double(raw),
    tier,
    version: Long.fromNumber(version),
    ...(lastCalculated === undefined ? {} : { lastCalculated: new Date(lastCalculated) }),
    ...(lastEventAt === undefined ? {} : { lastEventAt: new Date(lastEventAt) }),
    ...(source === undefined
      ? {}
      : { source: { partition: source.partition, offset: Long.fromNumber(source.offset) } }),
  };
}

export function snapshotOf(document: SnapshotDocument): ScoreSnapshot {
  const { score, raw, tier, version, lastCalculated, lastEventAt, source } = document;
  return {
    score: Number(score),
    raw: Number(raw),
    tier,
    lastCalculated: lastCalculated?.getTime(),
    lastEventAt: lastEventAt?.getTime(),
    version: Number(version),
    source: source && { partition: source.partition, offset: Number(source.offset) },
  };
}

export function decisionDocument(eventID: string, occurredAt: number, stored: StoredDecision): DecisionDocument {
  const { decision, digest, partition, offset } = stored;
  return {
    e: eventID,
    p: partition,
    o: Long.fromNumber(offset),
    t: new Date(occurredAt),
    d: digest,
    x: JSON.stringify(decision),
  };
}

export function storedOf({ p, o, d, x }: DecisionDocument): StoredDecision {
  return { decision: JSON.parse(x) as Decision, digest: d, partition: p, offset: Number(o) };
}
