/** What a run counts, as Prometheus text, and what it waits for, in words. */
import { discardSink, from, pushSource, topology } from "@millrace/core";

const readings = pushSource<number>({ name: "readings" });
const stored = from(readings)
  .map((reading) => {
    if (Number.isNaN(reading)) throw new Error("no reading");
    return reading;
  })
  .onError("skip")
  .to(discardSink());

const run = topology("sensors", stored).start();
for (const reading of [20.5, Number.NaN, 21]) await readings.push(reading);
console.log(`health: ${run.health().status}`);
readings.end();
await run.done;

const lines = run.metrics().toPrometheus().split("\n");
for (const line of lines.filter((text) => /^millrace_operator_(values_in|skipped)_total\{.*map/.test(text)))
  console.log(line);

// prints:
// health: up
// millrace_operator_values_in_total{topology="sensors",operator="map-1"} 3
// millrace_operator_skipped_total{topology="sensors",operator="map-1"} 1
