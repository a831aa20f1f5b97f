import type { OutMessage } from "@millrace/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "../file/bytes.js";
import { type MessageFacts, packMessage, unpackHeaders, unpackMessages } from "./message-bytes.js";

const facts: MessageFacts = { id: undefined, time: undefined, now: 1_000, partitions: 4 };

function packed(message: OutMessage, given: Partial<MessageFacts> = {}) {
  const writer = new ByteWriter();
  packMessage(message, { ...facts, ...given }, writer);
  const [unpacked] = unpackMessages(writer.take());
  if (unpacked === undefined) throw new Error("nothing was packed");
  return unpacked;
}

const bytesOf = (value: string | Uint8Array | undefined): number[] | undefined =>
  value === undefined ? undefined : [...(typeof value === "string" ? new TextEncoder().encode(value) : value)];

const text = fc.string({ unit: "grapheme" });
const payload = fc.oneof(text, fc.uint8Array());

describe("messages as bytes", () => {
  it("come back as they were", () => {
    const message = fc.record<OutMessage>({
      key: fc.option(payload, { nil: undefined }) as fc.Arbitrary<string>,
      value: fc.option(payload, { nil: undefined }),
      headers: fc.dictionary(fc.oneof(text, fc.constantFrom("__proto__", "constructor", "toString")), payload),
      timestamp: fc.double({ noNaN: true, noDefaultInfinity: true }),
    });
    fc.assert(
      fc.property(fc.array(message), (messages) => {
        const writer = new ByteWriter();
        for (const each of messages) packMessage(each, facts, writer);
        const unpacked = [...unpackMessages(writer.take())];
        expect(unpacked.length).toBe(messages.length);
        unpacked.forEach((got, i) => {
          const sent = messages[i] as OutMessage;
          expect(bytesOf(got.key)).toEqual(bytesOf(sent.key));
          expect(bytesOf(got.value)).toEqual(bytesOf(sent.value));
          expect(got.timestamp).toBe(sent.timestamp);
          const headers = unpackHeaders(got.headers ?? null);
          const names = Object.keys(sent.headers ?? {});
          expect(Object.keys(headers)).toEqual(names);
          for (const name of names) expect(bytesOf(headers[name])).toEqual(bytesOf(sent.headers?.[name]));
        });
      }),
    );
  });

  it("have a header called __proto__, and none that was not sent", () => {
    const headers = unpackHeaders(
      packed({ value: "", headers: Object.fromEntries([["__proto__", "x"]]) }).headers ?? null,
    );
    expect(Object.keys(headers)).toEqual(["__proto__"]);
    expect(Object.values(headers).map(bytesOf)).toEqual([[120]]);
    expect("constructor" in unpackHeaders(null)).toBe(false);
  });

  it("take the event time where they name no timestamp, else the clock's", () => {
    expect(packed({ value: "" }, { time: 5 })).toMatchObject({ timestamp: 5, timed: true });
    expect(packed({ value: "", timestamp: 7 }, { time: 5 })).toMatchObject({ timestamp: 7, timed: true });
    expect(packed({ value: "" })).toMatchObject({ timestamp: 1_000, timed: false });
  });

  it.each<[string, unknown]>([
    ["nothing at all", undefined],
    ["null", null],
    ["a text", "message"],
    ["no value", { key: "a" }],
    ["a value that is a number", { value: 1 }],
    ["a value that is null", { value: null }],
    ["a key that is an array", { key: [1], value: "" }],
    ["half a surrogate pair as key", { key: "\ud800", value: "" }],
    ["half a surrogate pair as value", { value: "a\udfff" }],
    ["half a surrogate pair as header", { value: "", headers: { "\ud800": "" } }],
    ["a header without value", { value: "", headers: { a: undefined } }],
    ["a timestamp that is NaN", { value: "", timestamp: Number.NaN }],
    ["an infinite timestamp", { value: "", timestamp: Number.POSITIVE_INFINITY }],
    ["a partition that is not there", { value: "", partition: "4" }],
    ["a partition that is no number", { value: "", partition: "01" }],
    ["a negative partition", { value: "", partition: "-1" }],
  ])("refuses %s, and leaves no trace", (_, message) => {
    const writer = new ByteWriter();
    packMessage({ value: "before" }, facts, writer);
    const { length } = writer;
    expect(() => packMessage(message as OutMessage, facts, writer)).toThrow(
      expect.objectContaining({ code: "E_SQLITE_MESSAGE", class: "poison" }),
    );
    expect(writer.length).toBe(length);
  });
});
