import {
  type Duration,
  from,
  type KeyedStream,
  type KeyedWindowedStream,
  type Late,
  type RetryPolicy,
  type Stream,
  sliding,
  type Topology,
  topology,
  tumbling,
} from "@millrace/core";
import { decodeEvent, isRefused, type ReceivedEvent } from "../event/decode-event.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import { ACTIVE_CONFIGURATION, type ScoringPorts } from "../ports/scoring-ports.js";
import type { DeadLetterRow, LateActivityRow } from "../ports/stores.js";
import type { ScoringConfiguration } from "../rules/configuration.js";
import type { RuleSet } from "../rules/rule-set.js";
import { activityAggregate } from "./activity.js";
import type { DecidedEvent } from "./decided-event.js";
import { relationshipsTo } from "./relationships.js";
import { releasingSource } from "./releasing-source.js";
import {
  activityRow,
  archiveRow,
  conflictingEvent,
  deadLetterRow,
  historyRows,
  rawEventRow,
  refusedRow,
  unknownCitizen,
} from "./rows.js";
import { type EnrichedEvent, scoreEvent } from "./score-event.js";

/** How the topology treats time, and how much it does at once. */
export interface ScoringOptions {
  /** How far an event may be behind the latest one of its partition and still be expected (default 5m). */
  readonly maxOutOfOrderness?: Duration;
  /** How long after its end a window still takes events (default 15m). */
  readonly allowedLateness?: Duration;
  /** A partition that is read to its end and silent for so long no longer holds the others back (default 1m). */
  readonly idleTimeout?: Duration;
  /** Copies of an event that come within this, by event time, do not even reach the stores (default 24h). */
  readonly dedupeWithin?: Duration;
  /** Events in the scoring step at once; those of a citizen one after the other (default 256). */
  readonly concurrency?: number;
  /** How long profiles and the configuration may be stale (default 1s). */
  readonly staleness?: Duration;
  /** Told what happens, for a status line: after a crash again what is done again. */
  readonly observer?: ScoringObserver;
}

/** Looks on. Must not throw. */
export interface ScoringObserver {
  /** The score with this event in it is written. */
  scored?(received: ReceivedEvent): void;
  deadLetter?(row: DeadLetterRow): void;
  late?(row: LateActivityRow): void;
}

/**
 * What {@link scoringTopology} does where its options say nothing.
 *
 * @example
 * ```ts
 * import { durationMs } from "@millrace/core";
 * import { SCORING_DEFAULTS } from "@millrace/scoring";
 * durationMs(SCORING_DEFAULTS.allowedLateness, "allowedLateness"); // 900000
 * ```
 */
export const SCORING_DEFAULTS: Required<Omit<ScoringOptions, "observer">> = {
  maxOutOfOrderness: "5m",
  allowedLateness: "15m",
  idleTimeout: "1m",
  dedupeWithin: "24h",
  concurrency: 256,
  staleness: "1s",
};

const RETRY: RetryPolicy = { attempts: 12, delay: 20, maxDelay: "2s" };

/**
 * The scoring of citizen events, from topic to stores: read → validate → event time → profile, configuration and rules by lookup →
 * dedupe → read rule state, decide, claim, write the snapshot with the decision → raw events, history, archive, hourly and rolling
 * activity, late events, dead letters. Everything it talks to is a port.
 *
 * @example
 * ```ts
 * import { DEFAULT_CONFIGURATION, DEFAULT_RULES, EmbeddedPorts, scoringTopology } from "@millrace/scoring";
 * import { sqliteCheckpoints } from "@millrace/sqlite";
 * const ports = await EmbeddedPorts.open({ directory: "data", configuration: DEFAULT_CONFIGURATION, rules: DEFAULT_RULES });
 * const run = scoringTopology(ports).start({ checkpoint: { every: "1s", store: sqliteCheckpoints({ file: ports.files.checkpoints }) } });
 * ```
 */
export function scoringTopology(ports: ScoringPorts, given: ScoringOptions = {}): Topology {
  const options = { ...SCORING_DEFAULTS, ...given };
  const { sinks } = ports;
  const { observer = {} } = given;
  const buried = (rows: Stream<DeadLetterRow>): Topology =>
    rows.tap((row) => observer.deadLetter?.(row)).to(sinks.deadLetters);
  const messages = from(releasingSource(ports.events, (offsets) => ports.citizens.release(offsets)));
  const [refused, valid] = messages.map(decodeEvent).split(isRefused);
  const [known, unknown] = enriched(inEventTime(valid, options), ports, options).split(isKnown);

  const scored = known
    .dedupe("copies", {
      by: ({ received }) => `${received.event.eventID}/${received.digest}`,
      within: options.dedupeWithin,
    })
    .mapAsync(async (event, context) => ({ ...(await scoreEvent(ports, event, context)), citizen: event.citizen }), {
      concurrency: options.concurrency,
      order: "key",
      retry: RETRY,
    })
    .tap(({ kind, received }) => {
      if (kind === "decided") observer.scored?.(received);
    });
  const [decided, repeated] = scored.split((outcome) => outcome.kind === "decided");
  const counted = decided.filter(({ decision }) => decision.archivedBecause === undefined);
  const profiled = counted.filter(({ citizen }) => citizen.consent.profiling);

  return topology(
    "scoring",
    buried(refused.map(refusedRow)),
    buried(unknown.map(({ received }) => deadLetterRow(received, unknownCitizen(received)))),
    buried(
      repeated
        .filter(({ kind }) => kind === "conflict")
        .map(({ received }) => deadLetterRow(received, conflictingEvent(received))),
    ),
    decided.map(archiveRow).to(sinks.archive),
    counted.map(rawEventRow).to(sinks.rawEvents),
    counted.flatMap(historyRows).to(sinks.history),
    summed(activityWindow(profiled, "hourly", 1, ports, options)).to(sinks.hourly),
    summed(activityWindow(profiled, "rollingDay", 24, ports, options)).to(sinks.rollingDay),
    ...(ports.relationships === undefined
      ? []
      : [relationshipsTo(ports.relationships, counted, ports.profiles, RETRY)]),
  );
}

type Options = typeof SCORING_DEFAULTS & Pick<ScoringOptions, "observer">;

function inEventTime(
  events: Stream<ReceivedEvent>,
  { maxOutOfOrderness, idleTimeout }: Options,
): KeyedStream<string, ReceivedEvent> {
  // Times far ahead of their publishing were refused before, so the wall clock has no say: a log can be replayed years later.
  return events
    .eventTime(({ event }) => event.occurredAt, { maxOutOfOrderness, idleTimeout, maxAhead: false })
    .keyBy(({ event }) => event.citizenID, { partitioned: true });
}

interface WithProfile {
  readonly received: ReceivedEvent;
  readonly citizen: CitizenProfile | undefined;
}

interface Enriched extends WithProfile {
  readonly configuration: ScoringConfiguration;
  readonly ruleSet: RuleSet;
}

function enriched(
  events: KeyedStream<string, ReceivedEvent>,
  ports: ScoringPorts,
  { staleness }: Options,
): KeyedStream<string, Enriched> {
  // One fetch at a time: nearly all is in the cache, and what waits for fetches a checkpoint's barrier waits behind.
  const policy = { batch: { size: 256 }, concurrency: 1, order: "key", retry: RETRY } as const;
  return events
    .lookup(
      ({ event }) => event.citizenID,
      ports.profiles,
      (received, citizen): WithProfile => ({ received, citizen }),
      {
        ...policy,
        cache: { max: 50_000, ttl: staleness, missTtl: staleness },
      },
    )
    .lookup(() => ACTIVE_CONFIGURATION, ports.configuration, withConfiguration, {
      ...policy,
      cache: { max: 1, ttl: staleness },
    })
    .lookup(({ configuration }) => configuration.ruleSetVersion, ports.ruleSets, withRules, {
      ...policy,
      cache: { max: 8, ttl: "1h" },
    });
}

function withConfiguration(value: WithProfile, found: ScoringConfiguration | undefined): Omit<Enriched, "ruleSet"> {
  if (found === undefined) throw new Error("no configuration is in force: activate one");
  return { ...value, configuration: found };
}

function withRules(value: Omit<Enriched, "ruleSet">, found: RuleSet | undefined): Enriched {
  if (found === undefined)
    throw new Error(
      `there is no rule set ${value.configuration.ruleSetVersion}: save it, or activate a configuration that names another`,
    );
  return { ...value, ruleSet: found };
}

function isKnown(value: Enriched): value is EnrichedEvent {
  return value.citizen !== undefined;
}

type ActivityWindow = KeyedWindowedStream<string, DecidedEvent, false>;

function activityWindow(
  events: KeyedStream<string, DecidedEvent>,
  summary: "hourly" | "rollingDay",
  hours: number,
  { sinks }: ScoringPorts,
  { allowedLateness, observer }: Options,
): ActivityWindow {
  const size = `${hours}h` as const;
  const spec = hours === 1 ? tumbling({ size }) : sliding({ size, slide: "1h" });
  return events.window(`${summary}-windows`, spec, {
    allowedLateness,
    late: (branch) =>
      branch
        .map((late) => lateRow(summary, late))
        .tap((row) => observer?.late?.(row))
        .to(sinks.lateActivity),
  });
}

function summed(windows: ActivityWindow): Stream<ReturnType<typeof activityRow>> {
  return windows
    .aggregate((by) => ({ activity: by.of(activityAggregate) }))
    .map((window) => activityRow({ ...window, value: window.value.activity }));
}

function lateRow(summary: string, { value: { received } }: Late<DecidedEvent>): LateActivityRow {
  const { eventID, citizenID, occurredAt } = received.event;
  return { summary, eventID, citizenID, occurredAt };
}
