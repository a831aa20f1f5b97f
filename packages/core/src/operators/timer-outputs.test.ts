import { expect, it } from "vitest";
import { type Batch, MAX_BATCH } from "../stage.js";
import { TimerOutputs } from "./timer-outputs.js";

it("outputs of timers have the timer's key and time, an id of their own, and leave in bounded slices while they are wanted", () => {
  const batches: Batch[] = [];
  const outputs = new TimerOutputs<string>("op", (batch) => batches.push(batch) < 2);
  outputs.push(["x", "y"], { key: "k", time: 7, clock: "event" });
  outputs.push([], { key: "k", time: 8, clock: "event" });
  outputs.push(["z"], { key: 1, time: 9, clock: "processing" });
  outputs.flush();
  outputs.flush();
  expect(batches.map(({ values, times, keys, origins }) => ({ values, times, keys, origins }))).toEqual([
    {
      values: ["x", "y", "z"],
      times: [7, 7, 9],
      keys: ["k", "k", 1],
      origins: [
        { source: "op", partition: "s:k", offset: 7, index: "0" },
        { source: "op", partition: "s:k", offset: 7, index: "1" },
        { source: "op", partition: "n:1", offset: "p9", index: "0" },
      ],
    },
  ]);
  outputs.push(Array.from({ length: 3 * MAX_BATCH }, String), { key: "k", time: 7, clock: "event" });
  outputs.flush();
  expect(batches.map(({ values }) => values.length)).toEqual([3, MAX_BATCH]);
});
