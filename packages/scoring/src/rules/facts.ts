import type { CitizenEvent } from "../event/event.js";
import type { CitizenProfile } from "../ports/citizen-profile.js";

/** What conditions and point expressions can speak about. Lives for one decision. */
export interface Facts {
  readonly event: CitizenEvent;
  readonly citizen: CitizenProfile;
  /** The score and tier before the event, as last calculated: conditions come before decay. */
  readonly score: number;
  readonly tier: string;
}

/** Reads one fact; undefined where it is not there. */
export type FactReader = (facts: Facts) => unknown;

const MS_PER_HOUR = 3_600_000;
const MAX_DEPTH = 6;
const SEGMENT = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Facts that are worked out rather than read: hour and weekday (0 = Sunday) are UTC. */
const DERIVED: Readonly<Record<string, FactReader>> = {
  score: (facts) => facts.score,
  tier: (facts) => facts.tier,
  hour: (facts) => Math.floor(facts.event.occurredAt / MS_PER_HOUR) % 24,
  weekday: (facts) => new Date(facts.event.occurredAt).getUTCDay(),
  "citizen.age": (facts) => new Date(facts.event.occurredAt).getUTCFullYear() - facts.citizen.birthYear,
};

/** Why a path can not be a fact, or undefined. */
export function factProblem(path: string): string | undefined {
  if (Object.hasOwn(DERIVED, path)) return undefined;
  const segments = path.split(".");
  if (segments[0] !== "event" && segments[0] !== "citizen") {
    return `a fact begins with event. or citizen., or is one of ${Object.keys(DERIVED).join(", ")}; it is "${path}"`;
  }
  if (segments.length < 2 || segments.length > MAX_DEPTH || !segments.every((segment) => SEGMENT.test(segment))) {
    return `"${path}" is not a path such as event.payload.amount`;
  }
  return undefined;
}

/** Compiles a path that {@link factProblem} accepts. Only own properties are read, so no name reaches a prototype. */
export function factReader(path: string): FactReader {
  const derived = Object.hasOwn(DERIVED, path) ? DERIVED[path] : undefined;
  if (derived !== undefined) return derived;
  const [root, ...names] = path.split(".");
  if (root === "event" && names.length === 2 && names[0] === "payload") {
    const name = names[1] as string;
    return ({ event }) => (Object.hasOwn(event.payload, name) ? event.payload[name] : undefined);
  }
  return (facts) => {
    let value: unknown = root === "event" ? facts.event : facts.citizen;
    for (const name of names) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as Record<string, unknown>)[name];
    }
    return value;
  };
}
