import { describe, expect, it } from "vitest";
import { batchOf, ManualClock, StageHarness } from "../../test/stage-harness.js";
import type { StageContext } from "../stage.js";
import { InTurn } from "./admission.js";
import { AsyncStage } from "./async-stage.js";
import { InputOrder } from "./outbox.js";
import type { Work } from "./work.js";

/** Settles a value when told to; some at once. */
class Probe extends AsyncStage {
  readonly open: (() => void)[] = [];
  rounds = 0;
  cancelled = 0;

  protected begin(work: Work, place: number): void {
    const value = work.batch.values[place];
    if (value === "now") this.settle(work, place, value);
    else if (value === "bad") this.giveUp(work, place, new Error("bad"), 3);
    else this.open.push(() => this.settle(work, place, value));
  }

  protected override begunAll(): void {
    this.rounds++;
  }

  protected cancel(): void {
    this.cancelled++;
  }
}

function setUp(
  onError: "fail" | "skip" = "skip",
  limit = 8,
  clock: ManualClock = new ManualClock(0, { virtual: true }),
): { harness: StageHarness; probe: Probe } {
  const harness = new StageHarness(
    {
      kind: "probe",
      make: (context: StageContext) => new Probe(context, new InputOrder(context), new InTurn(), limit),
    },
    { onError, clock },
  );
  return { harness, probe: harness.stage as Probe };
}

describe("AsyncStage", () => {
  it("lets out at once what is there at once, and a tick's results together", async () => {
    const { harness, probe } = setUp();
    harness.send(["now", "now", "later", "later"]);
    expect([harness.take(), probe.rounds]).toEqual([["now", "now"], 1]);
    for (const settle of probe.open) settle();
    expect(harness.take()).toEqual([]);
    await Promise.resolve();
    expect([harness.take(), harness.batches.length]).toEqual([["later", "later"], 2]);
  });

  it("lets out together what comes in one turn of the event loop, where time is real", async () => {
    const { harness, probe } = setUp("skip", 8, new ManualClock());
    harness.send(["later", "later", "later"]);
    // Callbacks of one phase of the loop; what is to happen behind them is asked for before the last of them ran.
    for (const settle of probe.open) setImmediate(settle);
    await new Promise((resolve) => setImmediate(resolve));
    expect(harness.batches).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(harness.batches.map(({ batch }) => batch.values)).toEqual([["later", "later", "later"]]);
  });

  it("tells the error policy how often a value was tried, and goes on without it", () => {
    const { harness } = setUp();
    harness.send(["bad", "now"]);
    expect([harness.take(), harness.errors.map(({ attempts }) => attempts)]).toEqual([["now"], [3]]);
  });

  it("ends the run once where a value must not fail, and cancels the rest", () => {
    const { harness, probe } = setUp("fail");
    harness.send(["later", "bad", "bad"]);
    expect([harness.errors.length, probe.cancelled, (harness.aborted as Error).message]).toEqual([
      1,
      1,
      "E_OPERATOR: failed on bad",
    ]);
    probe.open[0]?.();
    harness.send(["now"]);
    void harness.stage.close?.();
    expect([harness.take(), probe.cancelled]).toEqual([[], 1]);
  });

  it("passes partition statuses on in their place", async () => {
    const { harness, probe } = setUp();
    harness.sendBatch(batchOf([{ value: "later" }], "p"));
    harness.stage.onPartition?.({ kind: "partition", partition: "p", status: "ended" }, harness.emit);
    expect(harness.drain()).toEqual([]);
    probe.open[0]?.();
    await harness.settle();
    expect(harness.drain()).toEqual([
      { output: 0, value: "later", partition: "p" },
      { status: { kind: "partition", partition: "p", status: "ended" } },
    ]);
  });

  it("wakes the chain once for each time it said that it is full", async () => {
    const { harness, probe } = setUp("skip", 1);
    harness.send(["later", "later", "later"]);
    expect(harness.stage.full?.(0)).toBe(true);
    probe.open[0]?.();
    probe.open[1]?.();
    await harness.settle();
    expect(harness.wakes).toBe(1);
    probe.open[2]?.();
    await harness.settle();
    expect(harness.wakes).toBe(1);
  });
});
