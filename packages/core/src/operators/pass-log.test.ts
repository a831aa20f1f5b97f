import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PassLog } from "./pass-log.js";

describe("PassLog", () => {
  it("lets as many pass as fit, and no interval of the length sees more", () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 6 }),
        fc.array(step),
        (elements, perMs, steps) => {
          let log = new PassLog(elements, perMs);
          const passed: number[] = [];
          let now = 0;
          for (const [wait, wanted] of steps) {
            now += wait;
            const inInterval = passed.filter((time) => time > now - perMs).length;
            expect(log.room(now)).toBe(elements - inInterval);
            const count = Math.min(wanted, log.room(now));
            if (count > 0) log.add(now, count);
            for (let i = 0; i < count; i++) passed.push(now);
            if (log.room(now) === 0) expect(log.nextAt).toBe((passed.at(-elements) as number) + perMs);
            log = new PassLog(elements, perMs, JSON.parse(JSON.stringify(log.passes)));
          }
          for (const from of passed)
            expect(passed.filter((time) => time >= from && time < from + perMs).length).toBeLessThanOrEqual(elements);
        },
      ),
    );
  });

  it("keeps one entry for all that pass at one time, and none that is out of the interval", () => {
    const log = new PassLog(1_000_000, 10);
    expect(log.nextAt).toBe(Number.NEGATIVE_INFINITY);
    for (let i = 0; i < 1_000; i++) log.add(5, 100);
    expect(log.passes).toEqual([[5, 100_000]]);
    log.room(15);
    expect(log.passes).toEqual([]);
  });
});
