import type { Decision } from "../decide/outcome.js";
import type { CitizenEvent, EventType } from "../event/event.js";
import type { ContentName, ContentRow } from "../ports/store-contents.js";

const HOUR = 3_600_000;

/** The two summaries: how long their windows are; both begin one with every hour. */
const SUMMARIES = [
  { store: "hourly", late: "hourly", hours: 1 },
  { store: "rollingDay", late: "rollingDay", hours: 24 },
] as const;

interface Sum {
  events: number;
  readonly byType: Record<EventType, number>;
  milliPoints: number;
  minScore: number;
  maxScore: number;
  lastScore: number;
  lastVersion: number;
}

/** Counts activity again by brute force: each event is put into each of its windows, unless it is late for that window. */
export class ActivityRecount {
  readonly #allowedLatenessMs: number;
  readonly #emit: (store: ContentName, row: ContentRow) => void;
  /** Store → citizenID → start of the window → sums. */
  readonly #sums = new Map(SUMMARIES.map(({ store }) => [store, new Map<string, Map<number, Sum>>()]));

  constructor(allowedLatenessMs: number, emit: (store: ContentName, row: ContentRow) => void) {
    this.#allowedLatenessMs = allowedLatenessMs;
    this.#emit = emit;
  }

  /** `watermark`: of the event's partition just before it, if the event came at or behind it. */
  add(event: CitizenEvent, decision: Decision, watermark: number | undefined): void {
    for (const { store, late, hours } of SUMMARIES) {
      const hour = Math.floor(event.occurredAt / HOUR) * HOUR;
      let taken = 0;
      for (let start = hour - (hours - 1) * HOUR; start <= hour; start += HOUR) {
        const end = start + hours * HOUR;
        if (watermark !== undefined && watermark >= end - 1 + this.#allowedLatenessMs) continue;
        count(this.#sumOf(store, event.citizenID, start), event, decision);
        taken++;
      }
      if (taken > 0) continue;
      const { eventID, citizenID, occurredAt } = event;
      this.#emit("lateActivity", { summary: late, eventID, citizenID, occurredAt });
    }
  }

  finish(): void {
    for (const { store, hours } of SUMMARIES) {
      for (const [citizenID, windows] of this.#sums.get(store) ?? []) {
        for (const [start, { byType, milliPoints, lastVersion: _, ...sums }] of windows) {
          this.#emit(store, {
            citizenID,
            start,
            end: start + hours * HOUR,
            ...sums,
            ...byType,
            points: milliPoints / 1_000,
          });
        }
      }
    }
  }

  #sumOf(store: (typeof SUMMARIES)[number]["store"], citizenID: string, start: number): Sum {
    const citizens = this.#sums.get(store) as Map<string, Map<number, Sum>>;
    const windows = citizens.get(citizenID) ?? new Map<number, Sum>();
    citizens.set(citizenID, windows);
    let sum = windows.get(start);
    if (sum === undefined) {
      const byType = { financial: 0, social: 0, online: 0, relationship: 0 };
      sum = {
        events: 0,
        byType,
        milliPoints: 0,
        minScore: Infinity,
        maxScore: -Infinity,
        lastScore: 0,
        lastVersion: 0,
      };
      windows.set(start, sum);
    }
    return sum;
  }
}

function count(sum: Sum, { eventType }: CitizenEvent, { points, after, version }: Decision): void {
  sum.events++;
  sum.byType[eventType]++;
  sum.milliPoints += Math.round(points * 1_000);
  sum.minScore = Math.min(sum.minScore, after.score);
  sum.maxScore = Math.max(sum.maxScore, after.score);
  if (version > sum.lastVersion) {
    sum.lastVersion = version;
    sum.lastScore = after.score;
  }
}
