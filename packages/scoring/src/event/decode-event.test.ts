import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Received } from "./decode-event.js";
import { decodeEvent, digestOf, isRefused } from "./decode-event.js";
import { EVENT_LIMITS, isQueryableName } from "./event.js";

const AT = Date.UTC(2025, 0, 6, 12);
const GOOD = {
  eventID: "01943b5e-7c00-7abc-8def-0123456789ab",
  citizenID: "c-1",
  eventType: "financial",
  eventSubtype: "late_payment",
  sourceSystem: "bank-a",
  occurredAt: AT,
  schemaVersion: 1,
  location: { region: "north", city: "Nordhaven", lat: 1.5, lon: -2 },
  payload: { amount: 120.5, daysLate: 3, "Not Queryable": [1, { deep: true }] },
};

function received(value: unknown, change: Partial<Received> = {}): Received {
  const bytes =
    value instanceof Uint8Array ? value : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return { bytes, key: "c-1", publishedAt: AT, partition: "0", offset: 7, ...change };
}

function codeOf(value: unknown, change?: Partial<Received>): string {
  const decoded = decodeEvent(received(value, change));
  return isRefused(decoded) ? decoded.problem.code : "none";
}

function without(name: string): object {
  const { [name as keyof typeof GOOD]: _, ...rest } = GOOD;
  return rest;
}

describe("decodeEvent", () => {
  it("reads a good message as it stands, with its place and digest", () => {
    const message = received(GOOD);
    expect(decodeEvent(message)).toEqual({
      event: GOOD,
      bytes: message.bytes,
      digest: digestOf(message.bytes),
      publishedAt: AT,
      partition: "0",
      offset: 7,
    });
  });

  it("reads a view into a larger buffer", () => {
    const text = JSON.stringify(GOOD);
    const whole = Buffer.from(`xx${text}yy`);
    expect(codeOf(whole.subarray(2, 2 + Buffer.byteLength(text)))).toBe("none");
  });

  it.each([
    ["", "E_EVENT_SIZE"],
    [Buffer.alloc(EVENT_LIMITS.messageBytes + 1, 32), "E_EVENT_SIZE"],
    [Buffer.from([0x22, 0xff, 0x22]), "E_EVENT_ENCODING"],
    ['{"eventID":', "E_EVENT_JSON"],
    ["[]", "E_EVENT_SHAPE"],
    ["null", "E_EVENT_SHAPE"],
    ["7", "E_EVENT_SHAPE"],
    [without("eventID"), "E_EVENT_FIELD_MISSING"],
    [without("citizenID"), "E_EVENT_FIELD_MISSING"],
    [without("eventType"), "E_EVENT_FIELD_MISSING"],
    [without("eventSubtype"), "E_EVENT_FIELD_MISSING"],
    [without("sourceSystem"), "E_EVENT_FIELD_MISSING"],
    [without("occurredAt"), "E_EVENT_FIELD_MISSING"],
    [without("schemaVersion"), "E_EVENT_FIELD_MISSING"],
    [without("payload"), "E_EVENT_FIELD_MISSING"],
    [{ ...GOOD, eventID: 5 }, "E_EVENT_FIELD_TYPE"],
    [{ ...GOOD, occurredAt: "today" }, "E_EVENT_FIELD_TYPE"],
    [{ ...GOOD, payload: [] }, "E_EVENT_FIELD_TYPE"],
    [{ ...GOOD, payload: null }, "E_EVENT_FIELD_TYPE"],
    [{ ...GOOD, location: "north" }, "E_EVENT_FIELD_TYPE"],
    [{ ...GOOD, location: { city: "x" } }, "E_EVENT_FIELD_MISSING"],
    [{ ...GOOD, location: { region: "north", lat: 91 } }, "E_EVENT_FIELD_VALUE"],
    [{ ...GOOD, location: { region: "north", city: "a\u0000b" } }, "E_EVENT_FIELD_VALUE"],
    [{ ...GOOD, location: { region: "north", city: "x".repeat(129) } }, "E_EVENT_FIELD_VALUE"],
    [{ ...GOOD, location: { region: "north", zip: 1 } }, "E_EVENT_FIELD_UNKNOWN"],
    [{ ...GOOD, eventID: "01943b5e-7c00-4abc-8def-0123456789ab" }, "E_EVENT_FIELD_VALUE"],
    [{ ...GOOD, citizenID: "a b" }, "E_EVENT_FIELD_VALUE"],
    [{ ...GOOD, eventType: "magic" }, "E_EVENT_FIELD_VALUE"],
    [{ ...GOOD, eventSubtype: "Late" }, "E_EVENT_FIELD_VALUE"],
    [{ ...GOOD, schemaVersion: 2 }, "E_EVENT_VERSION"],
    [{ ...GOOD, nationalID: "X" }, "E_EVENT_FIELD_UNKNOWN"],
    [{ ...GOOD, occurredAt: AT + 0.5 }, "E_EVENT_TIME"],
    [{ ...GOOD, occurredAt: -1 }, "E_EVENT_TIME"],
    [{ ...GOOD, payload: { a: { b: { c: { d: 1 } } } } }, "none"],
    [{ ...GOOD, payload: { a: { b: { c: { d: {} } } } } }, "E_EVENT_PAYLOAD"],
    [{ ...GOOD, payload: { a: [[[[1]]]] } }, "E_EVENT_PAYLOAD"],
    [{ ...GOOD, payload: Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`k${i}`, i])) }, "none"],
    [
      { ...GOOD, payload: { in: Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`k${i}`, i])) } },
      "E_EVENT_PAYLOAD",
    ],
    [JSON.stringify(GOOD).replace("120.5", "1e999"), "E_EVENT_PAYLOAD"],
    [JSON.stringify(GOOD).replace(String(AT), "1e999"), "E_EVENT_TIME"],
    [JSON.stringify(GOOD).replace(String(AT), "NaN"), "E_EVENT_JSON"],
  ])("%# refuses with the code of the cause", (value, code) => {
    expect(codeOf(value)).toBe(code);
  });

  it("refuses a key that is not the citizen, and a sender whose clock is more than five minutes ahead", () => {
    expect(codeOf(GOOD, { key: "c-2" })).toBe("E_EVENT_KEY");
    expect(codeOf(GOOD, { key: undefined })).toBe("E_EVENT_KEY");
    expect(codeOf(GOOD, { publishedAt: AT - EVENT_LIMITS.maxAheadMs })).toBe("none");
    expect(codeOf(GOOD, { publishedAt: AT - EVENT_LIMITS.maxAheadMs - 1 })).toBe("E_EVENT_FUTURE");
  });

  it("says what is wrong and where", () => {
    const decoded = decodeEvent(received({ ...GOOD, occurredAt: "today" }));
    expect(isRefused(decoded) && decoded.problem.message).toBe("occurredAt must be a number; it is a string");
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          const decoded = decodeEvent(received(bytes));
          expect(isRefused(decoded)).toBe(true);
        },
      ),
    );
  });

  it("never lets a changed event through that lost a field or changed a field's type", () => {
    const names = Object.keys(GOOD).filter((name) => name !== "location");
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.constantFrom(null, true, [], [1], -0.5), (name, value) => {
        expect(codeOf({ ...GOOD, [name]: value })).not.toBe("none");
      }),
    );
  });
});

describe("isQueryableName", () => {
  it.each([
    ["amount", true],
    ["daysLate", true],
    ["a".repeat(41), true],
    ["a".repeat(42), false],
    ["Amount", false],
    ["__proto__", false],
    ["a b", false],
    ["", false],
  ])("%s: %s", (name, expected) => {
    expect(isQueryableName(name)).toBe(expected);
  });
});
