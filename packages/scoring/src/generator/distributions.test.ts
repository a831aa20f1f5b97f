import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Prng, prngFor } from "./prng.js";
import { relationsOf } from "./relations.js";
import { SendQueue } from "./send-queue.js";
import { syntheticCitizens } from "./synthetic-citizens.js";
import { Tempo } from "./tempo.js";
import { WeightedChoice, zipfWeights } from "./weighted-choice.js";

const DRAWS = 200_000;

function mean(draw: () => number): number {
  let sum = 0;
  for (let i = 0; i < DRAWS; i++) sum += draw();
  return sum / DRAWS;
}

describe("prngFor", () => {
  it("gives each purpose a stream of its own", () => {
    const first = (prng: Prng): number[] => Array.from({ length: 4 }, () => prng.uint32());
    expect(first(prngFor(1, "a"))).toEqual(first(prngFor(1, "a")));
    expect(first(prngFor(1, "a"))).not.toEqual(first(prngFor(1, "b")));
    expect(first(prngFor(1, "a"))).not.toEqual(first(prngFor(2, "a")));
    expect(first(prngFor(1, "a", 1))).not.toEqual(first(prngFor(1, "a", 2)));
  });

  it("draws the distributions it says", () => {
    const prng = prngFor(3, "test");
    expect(mean(() => prng.unit())).toBeCloseTo(0.5, 2);
    expect(mean(() => prng.exponential(4))).toBeCloseTo(4, 1);
    expect(mean(() => prng.normal())).toBeCloseTo(0, 1);
    expect(mean(() => prng.normal() ** 2)).toBeCloseTo(1, 1);
    expect(mean(() => (prng.logNormal(10, 0.7) < 10 ? 1 : 0))).toBeCloseTo(0.5, 2);
  });
});

describe("WeightedChoice", () => {
  it("draws each place as often as its weight says, zero weights never", () => {
    const weights = [5, 0, 1, 4, 10];
    const choice = new WeightedChoice(weights);
    const prng = prngFor(3, "choice");
    const counts = weights.map(() => 0);
    for (let i = 0; i < DRAWS; i++) counts[choice.next(prng)]!++;
    expect(counts[1]).toBe(0);
    for (const [i, weight] of weights.entries()) expect((counts[i] as number) / DRAWS).toBeCloseTo(weight / 20, 2);
  });

  it("follows Zipf's law", () => {
    const choice = new WeightedChoice(zipfWeights(100, 1));
    const prng = prngFor(3, "zipf");
    const counts = new Array<number>(100).fill(0);
    for (let i = 0; i < DRAWS; i++) counts[choice.next(prng)]!++;
    expect((counts[0] as number) / (counts[9] as number)).toBeGreaterThan(8);
    expect((counts[0] as number) / (counts[9] as number)).toBeLessThan(12);
  });
});

describe("SendQueue", () => {
  it("is a stable sort by time", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (times) => {
        const queue = new SendQueue<number>();
        for (const [i, time] of times.entries()) queue.put(time, i);
        const out: number[] = [];
        for (let next = queue.takeUpTo(20); next !== undefined; next = queue.takeUpTo(20)) out.push(next.value);
        expect(out).toEqual(
          times
            .map((time, i) => [time, i] as const)
            .sort((a, b) => a[0] - b[0] || a[1] - b[1])
            .map(([, i]) => i),
        );
      }),
    );
  });

  it("keeps what is not due", () => {
    const queue = new SendQueue<string>();
    queue.put(5, "later");
    queue.put(3, "now");
    expect(queue.takeUpTo(4)?.value).toBe("now");
    expect(queue.takeUpTo(4)).toBeUndefined();
    expect(queue.takeUpTo(5)?.value).toBe("later");
  });
});

describe("Tempo", () => {
  it("makes the number of events it is asked for, bursts beside them", () => {
    const from = Date.UTC(2025, 0, 5);
    const tempo = new Tempo(1, from, 10_000, new Map([["north", 0.2]]));
    let usual = 0;
    for (let next = tempo.next(); next.at < from + 28 * 86_400_000; next = tempo.next())
      if (next.burst === undefined) usual++;
    expect(usual / 28).toBeGreaterThan(9_800);
    expect(usual / 28).toBeLessThan(10_200);
  });
});

describe("relationsOf", () => {
  const citizens = syntheticCitizens({ seed: 1, count: 400 });
  const relations = relationsOf(citizens, 1);

  it("goes both ways, and nobody knows themselves", () => {
    for (const relation of [relations.family, relations.colleagues, relations.friends]) {
      relation.forEach((others, self) => {
        expect(others).not.toContain(self);
        for (const other of others) expect(relation[other]).toContain(self);
      });
    }
  });

  it("makes families of 2 to 6, but for a last one left over, in which all are related to all", () => {
    relations.family.forEach((others, self) => {
      if (self < citizens.length - 1) expect(others.length).toBeGreaterThanOrEqual(1);
      expect(others.length).toBeLessThanOrEqual(5);
      for (const other of others)
        expect(new Set(relations.family[other])).toEqual(new Set([self, ...others].filter((each) => each !== other)));
    });
  });
});
