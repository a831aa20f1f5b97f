import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, originOf } from "../../test/stage-harness.js";
import { HeldBatches } from "./held-batches.js";

describe("HeldBatches", () => {
  it("gives back values and signals in order, however they are taken, saved or not", () => {
    const pushes = fc.array(
      fc.oneof(fc.array(fc.integer(), { minLength: 1, maxLength: 5, size: "max" }), fc.constant("signal" as const)),
    );
    fc.assert(
      fc.property(pushes, fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1 }), (items, takes) => {
        const held = new HeldBatches();
        for (const [i, item] of items.entries())
          held.push(
            item === "signal"
              ? { kind: "watermark", time: i, idle: false }
              : batchOf(item.map((value) => ({ value, time: i }))),
          );
        const left = items.flatMap((item, time) =>
          item === "signal" ? [{ time }] : item.map((value) => ({ value, time })),
        );
        for (let turn = 0; !held.empty; turn++) {
          const values = left.filter((entry) => "value" in entry);
          expect(held.size).toBe(values.length);
          expect(new HeldBatches(held.save()).size).toBe(values.length);
          const signal = held.takeSignal();
          if (signal !== undefined) {
            expect(left.shift()).toEqual({ time: signal.kind === "watermark" ? signal.time : -1 });
            continue;
          }
          const batch = held.take(takes[turn % takes.length] as number);
          for (const [i, value] of (batch?.values ?? []).entries())
            expect(left.shift()).toEqual({ value, time: batch?.times?.[i] });
        }
        expect(left).toEqual([]);
      }),
    );
  });

  it("saves what is left of each batch with its columns, and no signals", () => {
    const held = new HeldBatches();
    held.push(
      batchOf(
        [1, 2, 3].map((value) => ({ value, time: value, key: "k", origin: originOf(value), mark: 7 })),
        "p",
      ),
    );
    held.push({ kind: "watermark", time: 1, idle: false });
    held.take(2);
    const saved = [{ values: [3], times: [3], keys: ["k"], origins: [originOf(3)], marks: [7], partition: "p" }];
    expect(held.save()).toEqual(saved);
    expect(new HeldBatches(saved).take(9)).toEqual(
      batchOf([{ value: 3, time: 3, key: "k", origin: originOf(3), mark: 7 }], "p"),
    );
    held.clear();
    expect([held.empty, held.size, held.take(1), held.takeSignal(), held.save()]).toEqual([
      true,
      0,
      undefined,
      undefined,
      [],
    ]);
  });
});
