import { EVENT_LIMITS } from "../event/event.js";
import type { EventDraft } from "./event-draft.js";
import { rendered } from "./event-draft.js";
import type { Prng } from "./prng.js";

/**
 * What can go wrong on the way from a sender to the topic. {@link DEFAULT_FAULT_RATES} says what each is.
 *
 * @example
 * ```ts
 * import { FAULT_KINDS } from "@millrace/scoring";
 * const counts = new Map(FAULT_KINDS.map((kind) => [kind, 0]));
 * ```
 */
export const FAULT_KINDS = [
  "duplicate",
  "conflict",
  "outOfOrder",
  "late",
  "veryLate",
  "hostile",
  "futureClock",
  "malformed",
  "badEncoding",
  "missingField",
  "wrongType",
  "unknownCitizen",
  "huge",
] as const;

/** One of {@link FAULT_KINDS}. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** What a message is: an ordinary event, or what was done to it. */
export type MessageKind = "event" | FaultKind;

/** The share of events to which each fault happens. */
export type FaultRates = Readonly<Record<FaultKind, number>>;

/**
 * How often each fault happens when a generator is told nothing else, as a share of all events.
 *
 * @example
 * ```ts
 * import { DEFAULT_FAULT_RATES } from "@millrace/scoring";
 * const lateTwiceAsOften = { ...DEFAULT_FAULT_RATES, late: 2 * DEFAULT_FAULT_RATES.late };
 * ```
 */
export const DEFAULT_FAULT_RATES: FaultRates = {
  /** The same bytes again, up to an hour later. */
  duplicate: 0.01,
  /** The same eventID with another payload. */
  conflict: 0.002,
  /** Sent minutes after it occurred. */
  outOfOrder: 0.04,
  /** Sent up to six hours after it occurred. */
  late: 0.01,
  /** Sent more than a day after it occurred. */
  veryLate: 0.001,
  /** Valid, with text that breaks careless code. */
  hostile: 0.01,
  futureClock: 0.001,
  malformed: 0.002,
  badEncoding: 0.000_5,
  missingField: 0.002,
  wrongType: 0.002,
  unknownCitizen: 0.002,
  /** Over the 64 KB of the contract. */
  huge: 0.000_2,
};

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const HOSTILE_TEXTS: readonly string[] = [
  `O'Brien "quoted" \\ back\\slash`,
  "line one\nline two\r\nline three\ttab",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: hostile on purpose
  "${process.exit(1)} {{7*7}} %s %n",
  "'; DROP TABLE citizens; --",
  "👩‍👩‍👧‍👦 e\u0301 \u202eright to left\u202c zero\u200bwidth",
  "nul \u0000 and bell \u0007",
  "</script><script>alert(1)</script>",
  "lone \ud800 surrogate",
  "__proto__",
];

/** A message to be sent `delayMs` after the event occurred. */
export interface Dispatch {
  readonly kind: MessageKind;
  readonly key: string;
  readonly text: string | Uint8Array;
  readonly delayMs: number;
}

/** Draws what happens to an event on its way: one message, or two where it is repeated. */
export class FaultInjector {
  readonly #prng: Prng;
  readonly #rates: readonly (readonly [FaultKind, number])[];

  constructor(prng: Prng, rates: FaultRates) {
    this.#prng = prng;
    this.#rates = FAULT_KINDS.map((kind) => [kind, rates[kind]] as const);
  }

  dispatches(draft: EventDraft): Dispatch[] {
    const prng = this.#prng;
    const usualDelay = Math.floor(prng.exponential(2 * SECOND));
    const kind = this.#draw();
    const original: Dispatch = { kind: "event", key: draft.citizenID, text: rendered(draft), delayMs: usualDelay };
    switch (kind) {
      case "event":
        return [original];
      case "duplicate": {
        const again = Math.min(
          HOUR,
          usualDelay + Math.floor(prng.exponential(prng.chance(0.1) ? 20 * MINUTE : 20 * SECOND)),
        );
        return [original, { ...original, kind, delayMs: again }];
      }
      case "conflict": {
        const other = rendered({ ...draft, payload: { ...draft.payload, amended: prng.below(1_000) } });
        return [
          original,
          { ...original, kind, text: other, delayMs: usualDelay + Math.floor(prng.exponential(MINUTE)) },
        ];
      }
      case "outOfOrder":
        return [{ ...original, kind, delayMs: Math.floor(prng.exponential(3 * MINUTE)) }];
      case "late":
        return [{ ...original, kind, delayMs: Math.floor(prng.between(10 * MINUTE, 6 * HOUR)) }];
      case "veryLate":
        return [{ ...original, kind, delayMs: Math.floor(prng.between(25 * HOUR, 50 * HOUR)) }];
      case "futureClock": {
        const ahead = EVENT_LIMITS.maxAheadMs + Math.floor(prng.between(MINUTE, 400 * DAY));
        return [{ ...original, kind, text: rendered({ ...draft, occurredAt: draft.occurredAt + usualDelay + ahead }) }];
      }
      case "unknownCitizen": {
        const key = `u-${prng.uint32().toString(36)}`;
        return [{ ...original, kind, key, text: rendered({ ...draft, citizenID: key }) }];
      }
      default:
        return [{ ...original, kind, text: spoiled(kind, draft, prng) }];
    }
  }

  #draw(): MessageKind {
    let left = this.#prng.unit();
    for (const [kind, rate] of this.#rates) {
      if (left < rate) return kind;
      left -= rate;
    }
    return "event";
  }
}

function spoiled(
  kind: "hostile" | "malformed" | "badEncoding" | "missingField" | "wrongType" | "huge",
  draft: EventDraft,
  prng: Prng,
): string | Uint8Array {
  const text = rendered(draft);
  switch (kind) {
    case "hostile": {
      const note = prng.pick(HOSTILE_TEXTS);
      return rendered({ ...draft, payload: { ...draft.payload, note, [note]: [note], nested: { "a b": note } } });
    }
    case "malformed":
      return prng.chance(0.5) ? text.slice(0, 1 + prng.below(text.length - 1)) : text.replace(/,/, ",,");
    case "badEncoding":
      return Buffer.concat([Buffer.from(text.slice(0, -2)), Buffer.from([0xc3, 0x28]), Buffer.from('"}}')]);
    case "missingField":
      return without(text, prng.pick(["eventID", "citizenID", "eventType", "occurredAt", "schemaVersion", "payload"]));
    case "wrongType":
      return withField(text, ...prng.pick(WRONG_TYPES));
    case "huge":
      return rendered({ ...draft, payload: { ...draft.payload, filler: "x".repeat(EVENT_LIMITS.messageBytes) } });
  }
}

const WRONG_TYPES: readonly (readonly [field: string, value: unknown])[] = [
  ["eventID", 17],
  ["occurredAt", "2025-01-06T12:00:00Z"],
  ["occurredAt", 1.5],
  ["eventType", "astral"],
  ["eventSubtype", null],
  ["schemaVersion", 2],
  ["payload", ["not", "an", "object"]],
  ["location", "somewhere"],
];

function without(text: string, field: string): string {
  const { [field]: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify(rest);
}

function withField(text: string, field: string, value: unknown): string {
  return JSON.stringify({ ...(JSON.parse(text) as object), [field]: value });
}
