import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TimeBuffer } from "./time-buffer.js";

describe("TimeBuffer", () => {
  it("is a list sorted by time, those of one time as they came", () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ op: fc.constant("add" as const), time: fc.integer({ min: 0, max: 12 }) }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constantFrom("first" as const, "any" as const), time: fc.nat() }) },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: -1, max: 13 }),
        fc.integer({ min: 0, max: 5 }),
        (ops, from, length) => {
          const buffer = new TimeBuffer<{ time: number; id: number }>();
          let list: { time: number; id: number }[] = [];
          for (const [id, { op, time }] of ops.entries()) {
            if (op === "add") {
              const item = { time, id };
              buffer.add(item);
              list = [...list, item].sort((left, right) => left.time - right.time || left.id - right.id);
            } else {
              const item = list[op === "first" ? 0 : time % Math.max(1, list.length)];
              if (item === undefined) continue;
              buffer.remove(item);
              list = list.filter((other) => other !== item);
            }
            expect(buffer.size).toBe(list.length);
            const to = from + length;
            expect([...buffer.between(from, to)]).toEqual(list.filter((item) => item.time >= from && item.time <= to));
            expect([...buffer.backFrom(to)]).toEqual(list.filter((item) => item.time <= to).reverse());
          }
        },
      ),
    );
  });

  it("does not mind to remove what is not in it", () => {
    const buffer = new TimeBuffer<{ time: number }>();
    buffer.remove({ time: 1 });
    expect(buffer.size).toBe(0);
  });
});
