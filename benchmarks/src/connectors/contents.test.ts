import { describe, expect, it } from "vitest";
import { benchEvents } from "./bench-event.js";
import { contentsOf, sameContents } from "./contents.js";

describe("contentsOf", () => {
  it("does not depend on the order", () => {
    expect(contentsOf(["a", "b", "c"])).toEqual(contentsOf(["c", "a", "b"]));
  });

  it("differs where a value is missing, twice, or another one", () => {
    const whole = contentsOf(["a", "b", "c"]);
    for (const other of [
      ["a", "b"],
      ["a", "b", "c", "c"],
      ["a", "b", "d"],
      ["a", "a", "c"],
    ])
      expect(sameContents(contentsOf(other), whole)).toBe(false);
  });
});

describe("benchEvents", () => {
  it("gives each of ten citizens a hundred of a thousand values in a row, and the same values each time", () => {
    const events = benchEvents(2_000);
    const counts = new Map<string, number>();
    for (const { citizenID } of events.slice(1_000)) counts.set(citizenID, (counts.get(citizenID) ?? 0) + 1);
    expect([...counts.values()]).toEqual(new Array(10).fill(100));
    expect(new Set(events.map(({ id }) => id)).size).toBe(2_000);
    expect(benchEvents(2_000)).toEqual(events);
  });
});
