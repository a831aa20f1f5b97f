import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Decoded } from "../event/decode-event.js";
import { decodeEvent, isRefused } from "../event/decode-event.js";
import type { CitizenEvent } from "../event/event.js";
import { DEFAULT_FAULT_RATES, FAULT_KINDS, type MessageKind } from "./faults.js";
import { type GeneratedMessage, type GeneratorOptions, generateMessages, onlyFaults } from "./generator.js";
import { type SyntheticCitizen, syntheticCitizens } from "./synthetic-citizens.js";

const FROM = Date.UTC(2025, 0, 6);
const CITIZENS = syntheticCitizens({ seed: 1, count: 500 });

function take(count: number, options: Partial<GeneratorOptions> = {}): GeneratedMessage[] {
  const messages: GeneratedMessage[] = [];
  for (const message of generateMessages({ seed: 1, citizens: CITIZENS, from: FROM, ...options })) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}

function decoded({ key, value, publishedAt }: GeneratedMessage): Decoded {
  return decodeEvent({ bytes: value, key, publishedAt, partition: "0", offset: 0 });
}

function events(messages: readonly GeneratedMessage[]): CitizenEvent[] {
  return messages.map(decoded).flatMap((each) => (isRefused(each) ? [] : [each.event]));
}

function hashOf(messages: readonly GeneratedMessage[]): string {
  const hash = createHash("sha256");
  for (const { key, value, publishedAt } of messages) hash.update(`${key} ${publishedAt} `).update(value);
  return hash.digest("hex");
}

const MANY = take(60_000);

describe("generateMessages", () => {
  it("gives the same bytes for the same seed, other bytes for another, and these bytes for ever", () => {
    expect(hashOf(take(20_000))).toBe(hashOf(MANY.slice(0, 20_000)));
    expect(hashOf(take(20_000, { seed: 2 }))).not.toBe(hashOf(MANY.slice(0, 20_000)));
    expect(hashOf(take(2_000))).toMatchInlineSnapshot(
      `"851a76837a1c73c55c6e614dc906c3c4be55bb4e0c212bc3cc59792fe3597816"`,
    );
  });

  it("sends in the order of sending times", () => {
    for (let i = 1; i < MANY.length; i++) {
      expect((MANY[i] as GeneratedMessage).publishedAt).toBeGreaterThanOrEqual(
        (MANY[i - 1] as GeneratedMessage).publishedAt,
      );
    }
  });

  it("makes each fault at its rate", () => {
    const counts = new Map<MessageKind, number>();
    for (const { kind } of MANY) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    for (const kind of FAULT_KINDS) {
      const expected = MANY.length * DEFAULT_FAULT_RATES[kind];
      const fiveSigma = 5 * Math.sqrt(expected) + 1;
      // Late events sent after the end are not in the sample.
      const missing = kind === "veryLate" ? expected : kind === "late" ? expected / 3 : 0;
      expect.soft(counts.get(kind) ?? 0, kind).toBeGreaterThan(expected - fiveSigma - missing);
      expect.soft(counts.get(kind) ?? 0, kind).toBeLessThan(expected + fiveSigma);
    }
  });

  it.each([
    ["malformed", /^E_EVENT_(JSON|SIZE)$/],
    ["badEncoding", /^E_EVENT_ENCODING$/],
    ["missingField", /^E_EVENT_FIELD_MISSING$/],
    ["wrongType", /^E_EVENT_(FIELD_TYPE|FIELD_VALUE|TIME|VERSION)$/],
    ["futureClock", /^E_EVENT_FUTURE$/],
    ["huge", /^E_EVENT_SIZE$/],
  ] as const)("makes %s messages the contract refuses for that reason", (kind, code) => {
    const bad = MANY.filter((message) => message.kind === kind);
    expect(bad.length).toBeGreaterThan(0);
    for (const message of bad) {
      const result = decoded(message);
      expect(isRefused(result) ? result.problem.code : message.value.toString()).toMatch(code);
    }
  });

  it("makes all others valid, hostile text included", () => {
    const good = ["event", "duplicate", "conflict", "outOfOrder", "late", "veryLate", "hostile", "unknownCitizen"];
    for (const message of MANY) {
      if (!good.includes(message.kind)) continue;
      const result = decoded(message);
      if (isRefused(result)) throw new Error(`${message.kind}: ${result.problem.message} in ${message.value}`);
    }
  });

  it("repeats duplicates byte for byte, and contradicts with the same eventID", () => {
    const byID = new Map<string, Uint8Array>();
    let duplicates = 0;
    let conflicts = 0;
    for (const message of MANY) {
      const result = decoded(message);
      if (isRefused(result)) continue;
      const first = byID.get(result.event.eventID);
      if (first === undefined) byID.set(result.event.eventID, message.value);
      else if (Buffer.compare(first, message.value) === 0) duplicates++;
      else conflicts++;
    }
    expect(duplicates).toBe(MANY.filter(({ kind }) => kind === "duplicate").length);
    expect(conflicts).toBe(MANY.filter(({ kind }) => kind === "conflict").length);
  });

  it("has evenings with more events than nights, and few citizens with many events", () => {
    const plain = events(take(30_000, { faults: onlyFaults({}) }));
    const at = (hour: number): number =>
      plain.filter((event) => Math.floor(event.occurredAt / 3_600_000) % 24 === hour).length;
    expect(at(19)).toBeGreaterThan(5 * at(3));
    const perCitizen = new Map<string, number>();
    for (const event of plain) perCitizen.set(event.citizenID, (perCitizen.get(event.citizenID) ?? 0) + 1);
    const sorted = [...perCitizen.values()].sort((a, b) => b - a);
    expect(sorted.slice(0, 50).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(plain.length * 0.4);
    expect(perCitizen.size).toBeGreaterThan(490);
  });

  it("lets traits show: the unreliable pay late, and sooner after gambling", () => {
    const plain = events(take(30_000, { faults: onlyFaults({}), zipfExponent: 0 }));
    const traits = new Map(CITIZENS.map((citizen) => [citizen.profile.citizenID, citizen.traits]));
    const lateShare = (wanted: (citizen: SyntheticCitizen["traits"]) => boolean): number => {
      const payments = plain.filter(
        (event) =>
          /payment/.test(event.eventSubtype) && wanted(traits.get(event.citizenID) as SyntheticCitizen["traits"]),
      );
      return payments.filter((event) => event.eventSubtype === "late_payment").length / payments.length;
    };
    expect(lateShare(({ reliability }) => reliability < 0.3)).toBeGreaterThan(
      3 * lateShare(({ reliability }) => reliability > 0.7),
    );
  });
});

describe("syntheticCitizens", () => {
  it("invents each citizen once, with an ID of its own that is not the nationalID", () => {
    expect(new Set(CITIZENS.map(({ profile }) => profile.citizenID)).size).toBe(CITIZENS.length);
    expect(new Set(CITIZENS.map(({ nationalID }) => nationalID)).size).toBe(CITIZENS.length);
    for (const { nationalID, profile } of CITIZENS) {
      expect(nationalID).toMatch(/^SIM-[A-Z0-9-]{1,28}$/);
      expect(JSON.stringify(profile)).not.toContain(nationalID);
    }
    expect(CITIZENS.some(({ profile }) => !profile.consent.scoring)).toBe(true);
  });

  it("is the same for the same seed", () => {
    expect(syntheticCitizens({ seed: 1, count: 500 })).toEqual(CITIZENS);
  });
});
