import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Batch, type Item } from "../stage.js";
import { Channel, DEFAULT_CHANNEL } from "./channel.js";

function values(count: number): Batch<number> {
  return new Batch(
    Array.from({ length: count }, (_, i) => i),
    null,
    null,
    null,
    null,
    undefined,
  );
}

describe("a channel", () => {
  it("gives items in the order they came, whatever is pushed and taken in between", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat({ max: 3 })), { maxLength: 5_000, minLength: 3_000 }), (steps) => {
        const channel = new Channel("a", "b");
        const model: Item[] = [];
        for (const step of steps) {
          if (step === null) {
            expect(channel.shift()).toBe(model.shift());
          } else {
            const item: Item = step === 0 ? { kind: "barrier", epoch: model.length } : values(step);
            channel.push(item);
            model.push(item);
          }
          expect(channel.empty).toBe(model.length === 0);
          expect(channel.size).toBe(
            model.reduce((sum, item) => sum + (item.kind === "batch" ? item.values.length : 0), 0),
          );
        }
      }),
      { numRuns: 5 },
    );
  });

  it("is full by values or by bytes, takes marks all the same, and wakes the producer when there is room", () => {
    const channel = new Channel("a", "b");
    let woken = 0;
    channel.wakeProducer = () => woken++;
    channel.push(values(DEFAULT_CHANNEL.values - 1));
    expect(channel.full).toBe(false);
    channel.push(values(1));
    expect(channel.full).toBe(true);
    channel.push({ kind: "barrier", epoch: 1 });
    channel.shift();
    expect([channel.full, woken]).toEqual([false, 1]);
    channel.shift();
    expect(channel.shift()).toEqual({ kind: "barrier", epoch: 1 });
    expect(woken).toBe(1);
    channel.push(values(1), DEFAULT_CHANNEL.bytes);
    expect(channel.full).toBe(true);
    channel.shift();
    expect([channel.full, woken]).toEqual([false, 2]);
  });

  it("wakes the consumer for every push, and drops what is pushed after it was closed", () => {
    const channel = new Channel("a", "b");
    let consumer = 0;
    let producer = 0;
    channel.wakeConsumer = () => consumer++;
    channel.wakeProducer = () => producer++;
    channel.push(values(1));
    channel.push({ kind: "barrier", epoch: 1 });
    expect(consumer).toBe(2);
    channel.close();
    channel.close();
    channel.push(values(5_000));
    expect([consumer, producer, channel.size, channel.empty, channel.full]).toEqual([2, 1, 0, true, false]);
  });
});
