import { expect, it } from "vitest";
import { from, type Late, topology, tumbling } from "../src/index.js";
import { testSink } from "../src/testing/test-sink.js";
import { virtualRun } from "./recording.js";

const times = [100, 1, 200];

it.each(["interval join", "window join"])(
  "late values of both sides of an %s have ids of their own, also where both sides come from one source",
  async (kind) => {
    const late = testSink<Late<string>>("late", { writes: "idempotent" });
    const timed = from(times, { name: "in" }).eventTime((time) => time);
    const [left, right] = ["left", "right"].map((side) => timed.map((time) => `${side} ${time}`).keyBy(() => 0));
    if (left === undefined || right === undefined) throw new Error("two sides");
    const within = kind === "interval join" ? ({ between: [0, 5] } as const) : tumbling({ size: 10 });
    const joined = left.join("j", right, within, (one, other) => `${one} ${other}`, { late });
    await topology("t", joined.to(testSink("out"))).run(virtualRun());
    expect(late.values.map(({ value }) => value).sort()).toEqual(["left 1", "right 1"]);
  },
);
