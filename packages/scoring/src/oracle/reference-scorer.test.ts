import { describe, expect, it } from "vitest";
import type { Received } from "../event/decode-event.js";
import type { CitizenEvent } from "../event/event.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { ContentName, ContentRow } from "../ports/store-contents.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import { compileRuleSet } from "../rules/rule-set.js";
import { aCitizen, anEvent, aRule, SAMPLE_TIME } from "../testing/samples.js";
import { ReferenceScorer } from "./reference-scorer.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A log of one partition: what is given of each event, minutes after noon. */
class Log {
  readonly rows = new Map<ContentName, ContentRow[]>();
  readonly scorer: ReferenceScorer;
  #offset = 0;

  constructor(...profiles: readonly CitizenProfile[]) {
    const options = {
      profiles: profiles.length === 0 ? [aCitizen()] : profiles,
      configuration: { ...DEFAULT_CONFIGURATION, decay: { kind: "none" } as const },
      ruleSet: compileRuleSet("t", [aRule({ cooldown: { ms: 10 * MINUTE } })]),
      maxOutOfOrdernessMs: 5 * MINUTE,
      allowedLatenessMs: 15 * MINUTE,
    };
    this.scorer = new ReferenceScorer(options, (store, row) => {
      this.rows.set(store, [...(this.rows.get(store) ?? []), row]);
    });
  }

  event(minutes: number, about: Partial<CitizenEvent> = {}): this {
    const occurredAt = SAMPLE_TIME + minutes * MINUTE;
    const eventID = `00000000-0000-7000-8000-${String(this.#offset).padStart(12, "0")}`;
    return this.message(JSON.stringify(anEvent({ eventID, occurredAt, ...about })), about.citizenID);
  }

  message(text: string, key = "c-1"): this {
    const message: Received = {
      bytes: Buffer.from(text),
      key,
      publishedAt: SAMPLE_TIME + 99 * HOUR,
      partition: "0",
      offset: this.#offset++,
    };
    this.scorer.read(message);
    return this;
  }

  done(): this {
    this.scorer.finish();
    return this;
  }

  of(store: ContentName, ...columns: string[]): unknown[][] {
    return (this.rows.get(store) ?? []).map((row) => columns.map((column) => row[column]));
  }
}

describe("ReferenceScorer", () => {
  it("scores, and says what each store gets", () => {
    const log = new Log().event(0).event(5).event(10).done();
    expect(log.of("snapshots", "citizenID", "score", "version", "offset")).toEqual([["c-1", 580, 3, 2]]);
    expect(log.of("history", "version", "ruleID", "delta", "oldScore", "newScore")).toEqual([
      [1, "late-payment", -10, 600, 590],
      [3, "late-payment", -10, 590, 580],
    ]);
    expect(log.of("archive", "scoreDelta", "rules", "scored")).toEqual([
      [-10, '["late-payment"]', 1],
      [0, "[]", 1],
      [-10, '["late-payment"]', 1],
    ]);
    expect(log.of("rawEvents", "occurredAt")).toHaveLength(3);
    expect(log.of("ruleState", "ruleID", "lastEventID")).toEqual([
      ["late-payment", "00000000-0000-7000-8000-000000000002"],
    ]);
    expect(log.of("hourly", "start", "events", "financial", "points", "minScore", "maxScore", "lastScore")).toEqual([
      [SAMPLE_TIME, 3, 3, -20, 580, 590, 580],
    ]);
    expect(log.of("rollingDay", "start")).toHaveLength(24);
    expect(log.scorer.counts).toMatchObject({ messages: 3, scored: 3, duplicates: 0, deadLetters: 0 });
  });

  it("puts bad messages, unknown citizens and contradictions to the dead letters, and copies nowhere", () => {
    const text = JSON.stringify(anEvent());
    const log = new Log()
      .message(text)
      .message(text)
      .message(text.replace('"payload":{}', '"payload":{"changed":1}'))
      .message("{")
      .event(1, { citizenID: "c-9" })
      .done();
    expect(log.of("deadLetters", "offset", "code")).toEqual([
      [2, "E_EVENT_CONFLICT"],
      [3, "E_EVENT_JSON"],
      [4, "E_CITIZEN_UNKNOWN"],
    ]);
    expect(log.scorer.counts).toMatchObject({ messages: 5, scored: 1, duplicates: 1, deadLetters: 3 });
    expect(log.of("snapshots", "version")).toEqual([[1]]);
  });

  it("archives only without consent, and keeps out of the summaries who is not profiled", () => {
    const silent = aCitizen({ consent: { scoring: false, profiling: true, graph: true, marketing: true } });
    const unprofiled = aCitizen({
      citizenID: "c-2",
      consent: { scoring: true, profiling: false, graph: true, marketing: true },
    });
    const log = new Log(silent, unprofiled).event(0).event(0, { citizenID: "c-2" }).done();
    expect(log.of("archive", "citizenID", "archivedBecause")).toEqual([
      ["c-1", "consent"],
      ["c-2", null],
    ]);
    expect(log.of("rawEvents", "citizenID")).toEqual([["c-2"]]);
    expect(log.of("hourly")).toEqual([]);
  });

  it("takes an event into a window until the partition's watermark has passed its end by the lateness", () => {
    // The window 12:00–13:00 takes events until the watermark, 5 minutes behind, reaches 13:14:59.999: until an event at 13:20.
    const before = new Log().event(79).event(1).done();
    expect(before.of("hourly", "start", "events")).toEqual([
      [SAMPLE_TIME + HOUR, 1],
      [SAMPLE_TIME, 1],
    ]);
    expect(before.of("lateActivity")).toEqual([]);
    const after = new Log().event(80).event(1).done();
    expect(after.of("hourly", "start", "events")).toEqual([[SAMPLE_TIME + HOUR, 1]]);
    expect(after.of("lateActivity", "summary", "occurredAt")).toEqual([["hourly", SAMPLE_TIME + MINUTE]]);
    expect(after.of("rollingDay", "start", "events").filter(([, events]) => events === 2)).toHaveLength(23);
    expect(after.of("snapshots", "score")).toEqual([[580]]);
  });

  it("counts an event late for all its windows once a summary", () => {
    const other = aCitizen({ citizenID: "c-2" });
    const log = new Log(aCitizen(), other)
      .event(25 * 60)
      .event(0, { citizenID: "c-2" })
      .done();
    expect(log.of("lateActivity", "summary")).toEqual([["hourly"], ["rollingDay"]]);
    expect(log.of("snapshots", "citizenID", "score")).toEqual([
      ["c-1", 590],
      ["c-2", 590],
    ]);
  });

  it("lets refused messages leave time where it is", () => {
    const future = JSON.stringify(anEvent({ occurredAt: SAMPLE_TIME + 200 * HOUR }));
    const log = new Log().event(1).message(future).event(2).done();
    expect(log.of("deadLetters", "code")).toEqual([["E_EVENT_FUTURE"]]);
    expect(log.of("hourly", "events")).toEqual([[2]]);
  });
});
