import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seeded } from "../testing/seeded.js";
import { killWithin, randomKills } from "./kill-plan.js";

describe("randomKills", () => {
  it("are at least ten, within the log, in its order", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 1_000_000 }), (seed, total) => {
        const kills = randomKills(total, seeded(seed));
        expect(kills.length).toBeGreaterThanOrEqual(10);
        const places = kills.flatMap((kill) => ("atMessage" in kill ? [kill.atMessage] : []));
        expect(places).toEqual([...places].sort((a, b) => a - b));
        for (const place of places) expect(place).toBeLessThan(total);
      }),
    );
  });
});

describe("killWithin", () => {
  it("comes before such a life would end", () => {
    expect(killWithin(1_000, () => 0.999)).toEqual({ afterMs: expect.closeTo(899, 0) });
  });
});
