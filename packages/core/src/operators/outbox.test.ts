import { describe, expect, it } from "vitest";
import { batchOf, StageHarness } from "../../test/stage-harness.js";
import type { StageContext } from "../stage.js";
import { CompletionOrder, InputOrder, type Outbox } from "./outbox.js";
import type { Work } from "./work.js";

function setUp(make: (context: StageContext) => Outbox) {
  let outbox: Outbox | undefined;
  const harness = new StageHarness({
    kind: "probe",
    make: (context) => {
      outbox = make(context);
      return { onBatch: () => {} };
    },
  });
  const box = outbox as Outbox;
  const open = (...values: string[]): Work => box.open(batchOf(values.map((value) => ({ value }))));
  const done = (work: Work, ...places: number[]): void => {
    for (const place of places) {
      work.done(place, String(work.batch.values[place]).toUpperCase());
      box.settled(work, place);
    }
  };
  const drop = (work: Work, place: number): void => {
    work.drop(place);
    box.settled(work, place);
  };
  const watermark = (time: number): void => box.mark({ kind: "watermark", time, idle: false });
  const out = (): string => {
    box.flush();
    return harness
      .drain()
      .map((entry) =>
        "value" in entry ? entry.value : "watermark" in entry ? `w${entry.watermark}` : entry.status.status,
      )
      .join(" ");
  };
  return { box, harness, open, done, drop, watermark, out };
}

for (const [name, make] of [
  ["InputOrder", (context: StageContext) => new InputOrder(context)],
  ["CompletionOrder", (context: StageContext) => new CompletionOrder(context)],
] as const) {
  describe(name, () => {
    it("tells marks at once where nothing is before them", () => {
      const { box, watermark, out } = setUp(make);
      watermark(1);
      box.mark({ kind: "partition", partition: "p", status: "caughtUp" });
      let passed = 0;
      box.mark({ kind: "barrier", passed: () => void passed++ });
      expect([out(), passed, box.ready, box.size]).toEqual(["w1 caughtUp", 1, false, 0]);
    });

    it("keeps marks behind everything before them, dropped values too", () => {
      const { box, open, done, drop, watermark, out } = setUp(make);
      const work = open("a", "b");
      watermark(1);
      watermark(2);
      expect([out(), box.size]).toEqual(["", 2]);
      done(work, 0);
      expect([out(), box.size]).toEqual(["A", 1]);
      drop(work, 1);
      expect([box.ready, out(), box.size]).toEqual([true, "w1 w2", 0]);
    });

    it("lets no result pass a mark", () => {
      const { open, done, watermark, out } = setUp(make);
      const first = open("a");
      watermark(1);
      const second = open("b", "c");
      done(second, 1, 0);
      expect(out()).toBe("");
      done(first, 0);
      expect(out()).toBe(name === "InputOrder" ? "A w1 B C" : "A w1 C B");
    });

    it("lets the results of several batches out as one where they are alike", () => {
      const { harness, open, done, out } = setUp(make);
      const works = [open("a"), open("b"), open("c", "d")];
      for (const work of works) done(work, ...work.batch.values.keys());
      expect([out(), harness.batches.length]).toEqual(["A B C D", 1]);
    });

    it("stops where nobody below wants more, and lets barriers pass when it is cleared", () => {
      const { box, harness, open, done, watermark } = setUp(make);
      harness.closedBelow = true;
      const first = open("a");
      watermark(1);
      const second = open("b");
      done(first, 0);
      done(second, 0);
      expect([box.flush(), harness.drain().length]).toEqual([false, 1]);
      let passed = 0;
      open("c");
      box.mark({ kind: "barrier", passed: () => void passed++ });
      box.clear();
      expect([passed, box.size, box.ready]).toEqual([1, 0, false]);
    });
  });
}

it("InputOrder lets results out in the order of the values", () => {
  const { box, open, done, out } = setUp((context) => new InputOrder(context));
  const first = open("a", "b");
  const second = open("c");
  done(second, 0);
  done(first, 1);
  expect([box.ready, out()]).toEqual([false, ""]);
  done(first, 0);
  expect([box.ready, out()]).toEqual([true, "A B C"]);
});

it("CompletionOrder lets results out in the order they came", () => {
  const { open, done, out } = setUp((context) => new CompletionOrder(context));
  const first = open("a", "b");
  const second = open("c", "d");
  done(second, 1);
  done(first, 1);
  done(second, 0);
  expect(out()).toBe("D B C");
  done(first, 0);
  expect(out()).toBe("A");
});
