import { expect, it } from "vitest";
import { type DeadLetter, from, type Late, topology, tumbling } from "../src/index.js";
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

it("every pair on which the function of a join fails is a dead letter of its own", async () => {
  const dead = testSink<DeadLetter<unknown>>("dead", { writes: "idempotent" });
  const side = (name: string, count: number) =>
    from(
      Array.from({ length: count }, (_, i) => `${name}${i}`),
      { name },
    )
      .eventTime(() => 10)
      .keyBy(() => 0);
  const refuse = (): string => {
    throw new Error("no pair");
  };
  const joined = side("l", 2).join("j", side("r", 2), { between: [0, 0] }, refuse);
  await topology("t", joined.onError(dead).to(testSink("out"))).run(virtualRun());
  const pairs = dead.values.map(({ value }) => Object.values(value as object).join(" "));
  expect(pairs.sort()).toEqual(["l0 r0", "l0 r1", "l1 r0", "l1 r1"]);
});
