// A small pipeline on the packed core: windows, keyed state and a checkpoint store.
import assert from "node:assert/strict";
import { from, memoryCheckpoints, topology, tumbling } from "@millrace/core";
import { testSink } from "@millrace/core/testing";

assert.deepEqual(
  await from([1, 2, 3])
    .map((n) => n * 2)
    .collect(),
  [2, 4, 6],
);

const events = Array.from({ length: 1000 }, (_, index) => ({ key: `k${index % 7}`, at: index * 100 }));
const counts = testSink("counts");
const counted = from(() => events.values(), { name: "events" })
  .eventTime((event) => event.at)
  .keyBy((event) => event.key)
  .window("ten-seconds", tumbling({ size: "10s" }))
  .count();
const summary = await topology("probe", counted.to(counts)).run({
  checkpoint: { every: "1s", store: memoryCheckpoints() },
});
assert.equal(summary.status, "completed");
assert.equal(
  counts.values.reduce((total, { value }) => total + value, 0),
  events.length,
);
console.log(`core: ${counts.values.length} windows`);
