import fc from "fast-check";
import { expect, it } from "vitest";
import { batchOf, type Out, StageHarness } from "../../test/stage-harness.js";
import type { StageContext } from "../stage.js";
import { KeyOrder } from "./key-order.js";
import type { Work } from "./work.js";

function setUp(): { harness: StageHarness; box: KeyOrder } {
  const boxes: KeyOrder[] = [];
  const make = (context: StageContext) => {
    boxes.push(new KeyOrder(context));
    return { onBatch: () => {} };
  };
  const harness = new StageHarness({ kind: "probe", make });
  return { harness, box: boxes[0] as KeyOrder };
}

const keyed = (values: readonly string[]) => batchOf(values.map((value) => ({ value, key: value[0] as string })));

it("results of one key leave in the order of its values, whenever they come and whatever was dropped", () => {
  const batches = fc.array(fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 5,
    size: "max",
  });
  fc.assert(
    fc.property(batches, fc.infiniteStream(fc.nat()), (keys, choices) => {
      const { harness, box } = setUp();
      let sent = 0;
      const open: { work: Work; place: number }[] = [];
      for (const each of keys) {
        const work = box.open(keyed(each.map((key) => `${key}${sent++}`)));
        for (const place of each.keys()) open.push({ work, place });
        box.mark({ kind: "watermark", time: sent, idle: false });
      }
      const expected = open.map(({ work, place }) => work.batch.values[place] as string);
      const dropped = new Set<string>();
      while (open.length > 0) {
        const choice = choices.next().value as number;
        const { work, place } = open.splice(choice % open.length, 1)[0] as { work: Work; place: number };
        if (choice % 5 === 0) {
          work.drop(place);
          dropped.add(work.batch.values[place] as string);
        } else {
          work.done(place, work.batch.values[place]);
        }
        box.settled(work, place);
        if (box.ready) box.flush();
      }
      const out = harness.log.filter((entry): entry is Out => "output" in entry).map(({ value }) => value as string);
      for (const key of ["a", "b", "c"])
        expect(out.filter((value) => value[0] === key)).toEqual(
          expected.filter((value) => value[0] === key && !dropped.has(value)),
        );
      expect([box.size, harness.log.at(-1)]).toEqual([0, { watermark: sent, idle: false }]);
    }),
  );
});

it("results of other keys do not wait, and clear() forgets all", () => {
  const { harness, box } = setUp();
  const work = box.open(keyed(["a1", "b1", "a2"]));
  for (const place of [2, 1]) {
    work.done(place, place);
    box.settled(work, place);
  }
  box.flush();
  expect(harness.take()).toEqual([1]);
  box.clear();
  const next = box.open(keyed(["a3"]));
  next.done(0, 3);
  box.settled(next, 0);
  box.flush();
  expect(harness.take()).toEqual([3]);
  expect(() => box.open(batchOf([{ value: 1 }]))).toThrow(/E_ARGUMENT: probe-1: order "key" needs a keyed stream/);
});
