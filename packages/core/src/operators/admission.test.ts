import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf } from "../../test/stage-harness.js";
import { MAX_BATCH } from "../stage.js";
import { ByKey, InTurn } from "./admission.js";
import { Work } from "./work.js";

const workOf = (...values: string[]): Work =>
  new Work(batchOf(values.map((value) => ({ value, key: value[0] as string }))));

describe("InTurn", () => {
  it("begins values in the order they came", () => {
    const admission = new InTurn();
    admission.add(workOf("a1", "b1"));
    admission.add(workOf("c1"));
    expect([admission.waiting, admission.full]).toEqual([3, true]);
    const begun: unknown[] = [];
    while (admission.beginNext((work, place) => begun.push(work.batch.values[place])));
    expect([begun, admission.waiting, admission.full]).toEqual([["a1", "b1", "c1"], 0, false]);
    admission.add(workOf("d1", "d2"));
    admission.beginNext(() => {});
    admission.clear();
    expect([admission.waiting, admission.beginNext(() => {})]).toEqual([0, false]);
  });
});

describe("ByKey", () => {
  it("begins the values of a key one after another, and the first of each key in the order they came", () => {
    const admission = new ByKey("probe");
    const work = workOf("a1", "a2", "b1", "a3");
    admission.add(work);
    const begun: number[] = [];
    const begin = (_: Work, place: number): void => void begun.push(place);
    while (admission.beginNext(begin));
    expect([begun, admission.waiting]).toEqual([[0, 2], 2]);
    admission.settled(work, 2);
    expect(admission.beginNext(begin)).toBe(false);
    admission.settled(work, 0);
    admission.beginNext(begin);
    expect([begun, admission.beginNext(begin)]).toEqual([[0, 2, 1], false]);
    admission.settled(work, 1);
    admission.beginNext(begin);
    admission.settled(work, 3);
    admission.settled(work, 3);
    expect([begun, admission.waiting]).toEqual([[0, 2, 1, 3], 0]);
  });

  it("never runs two values of a key at once, nor forgets one", () => {
    const keys = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 8, size: "max" });
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 8, size: "max" }), fc.infiniteStream(fc.nat()), (batches, choices) => {
        const admission = new ByKey("probe");
        const running: { work: Work; place: number; key: string }[] = [];
        const order: string[] = [];
        const begin = (work: Work, place: number): void => {
          const value = work.batch.values[place] as string;
          expect(running.some(({ key }) => key === value[0])).toBe(false);
          running.push({ work, place, key: value[0] as string });
          order.push(value);
        };
        let sent = 0;
        const expected: string[] = [];
        const settleOne = (): void => {
          const [one] = running.splice((choices.next().value as number) % running.length, 1);
          if (one !== undefined) admission.settled(one.work, one.place);
        };
        for (const batch of batches) {
          const values = batch.map((key) => `${key}${sent++}`);
          expected.push(...values);
          admission.add(workOf(...values));
          while (running.length < 2 && admission.beginNext(begin));
          if (running.length > 0) settleOne();
        }
        while (running.length > 0 || admission.waiting > 0) {
          while (running.length < 2 && admission.beginNext(begin));
          settleOne();
        }
        for (const key of ["a", "b", "c"])
          expect(order.filter((value) => value[0] === key)).toEqual(expected.filter((value) => value[0] === key));
      }),
    );
  });

  it("takes in more than it may begin, so that a busy key does not keep others away", () => {
    const admission = new ByKey("probe");
    admission.add(workOf("a1", "a2", "a3"));
    expect(admission.full).toBe(false);
    admission.add(workOf(...Array.from({ length: MAX_BATCH }, (_, i) => `a${i}`)));
    expect(admission.full).toBe(true);
    admission.clear();
    expect([admission.full, admission.beginNext(() => {})]).toEqual([false, false]);
  });

  it("clears what a busy key left behind", () => {
    const admission = new ByKey("probe");
    const work = workOf(...Array.from({ length: 3 * MAX_BATCH }, (_, i) => `a${i}`));
    admission.add(work);
    for (let place = 0; place < work.size; place++) {
      const begun: number[] = [];
      admission.beginNext((_, at) => void begun.push(at));
      expect(begun).toEqual([place]);
      admission.settled(work, place);
    }
    expect([admission.waiting, admission.beginNext(() => {})]).toEqual([0, false]);
  });

  it("needs keys", () => {
    expect(() => new ByKey("mapAsync-1").add(new Work(batchOf([{ value: 1 }])))).toThrow(
      /E_ARGUMENT: mapAsync-1: order "key" needs a keyed stream/,
    );
  });
});
