/** A test of a flow: its time is a clock that moves only when it is told to, and its state goes through a checkpoint. */
import assert from "node:assert/strict";
import { type Stream, tumbling } from "@millrace/core";
import { testFlow } from "@millrace/core/testing";

const perHour = (words: Stream<string>): Stream<string> =>
  words
    .keyBy((word) => word)
    .window("hourly", tumbling({ size: "1h" }))
    .count()
    .map(({ key, value }) => `${key}: ${value}`);

const test = testFlow(perHour);
await test.send("a", { time: 10 });
await test.send("b", { time: 20 });
await test.restart(); // checkpoint, discard, restore
await test.send("a", { time: 30 });
assert.deepEqual(test.take(), []); // the hour is not over

await test.watermark(3_600_000 - 1);
const results = test.take().sort();
assert.deepEqual(results, ["a: 2", "b: 1"]);

await test.send("a", { time: 40 }); // too late
assert.equal(test.summary().operators.find(({ id }) => id === "hourly")?.late, 1);
console.log(results.join(", "));

// prints:
// a: 2, b: 1
