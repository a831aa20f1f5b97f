import { describe, expect, it } from "vitest";
import type { ContentRow } from "../ports/store-contents.js";
import { INFLUX_STORES, MEASUREMENTS, pointOf, rowOf } from "./influx-points.js";

const EVENT: ContentRow = {
  eventID: "e-1",
  citizenID: "c-1",
  occurredAt: 1_736_164_800_123,
  eventType: "financial",
  eventSubtype: "purchase",
  sourceSystem: "bank",
  region: "north",
  city: null,
  lat: 53.7,
  lon: null,
  fields: '{"p_amount":3,"p_shop":"a","p_autopay":false}',
  payload: '{"amount":3,"shop":"a","autopay":false}',
};

describe("pointOf", () => {
  it("makes fields of the payload's plain values, a name for each type: a field has one type for ever", () => {
    const { fields, tags } = pointOf("rawEvents", EVENT);
    expect(fields).toMatchObject({ p_amount: 3, ps_shop: "a", pb_autopay: false, lat: 53.7 });
    expect(tags).toEqual({ citizenID: "c-1", eventType: "financial", region: "north" });
    expect(pointOf("rawEvents", { ...EVENT, fields: '{"p_amount":"three"}' }).fields).toMatchObject({
      ps_amount: "three",
    });
    expect(pointOf("rawEvents", { ...EVENT, fields: "no JSON" }).fields).not.toHaveProperty("p_amount");
  });

  it("gives a row the same time within its millisecond each time, another event another one", () => {
    const time = BigInt(pointOf("rawEvents", EVENT).time);
    expect(time / 1_000_000n).toBe(BigInt(EVENT.occurredAt as number));
    expect(pointOf("rawEvents", { ...EVENT }).time).toBe(time);
    expect(pointOf("rawEvents", { ...EVENT, eventID: "e-2" }).time).not.toBe(time);
  });

  it("puts a window's row at its begin exactly, so that a later firing replaces it", () => {
    for (const store of INFLUX_STORES.filter((name) => !MEASUREMENTS[name].spread))
      expect(pointOf(store, { citizenID: "c-1", start: 7, end: 8, points: 1.5 }).time).toBe(7_000_000n);
  });
});

describe("rowOf", () => {
  it("gives the row back from columns, nanoseconds cut off, and exact text where a tag could not carry it", () => {
    const region = "new\nline \\";
    const { fields } = pointOf("rawEvents", { ...EVENT, region });
    expect(fields).toMatchObject({ region_exact: region });
    const point = { ...fields, citizenID: "c-1", eventType: "financial", region: "new line _", city: "", lon: null };
    expect(rowOf("rawEvents", { ...point, _time: "2025-01-06T12:00:00.123999999Z" } as never)).toEqual({
      ...EVENT,
      region,
    });
  });
});
