/** Writes numbered points and notes in a file what InfluxDB has acknowledged, until it is killed. */
import { appendFileSync } from "node:fs";
import { from, type Source } from "@millrace/core";
import { acknowledging } from "../../../../../testbed/acknowledging.js";
import { influxSink } from "../../src/index.js";

const [url = "", token = "", org = "", bucket = "", journal = "", first = "0"] = process.argv.slice(2);
/** Each number is its own offset, wherever it begins: what is written again has the same id. */
const numbers: Source<number> = {
  name: "numbers",
  connect: async () => ({
    subscribe: (listener) => listener.assigned(["0"], 1),
    open: async () => {
      let next = Number(first);
      return {
        read: async () => {
          const values = Array.from({ length: 100 }, () => next++);
          return { values, offsets: values, position: String(next) };
        },
        close: async () => {},
      };
    },
    comparePositions: (left, right) => Number(left) - Number(right),
    close: async () => {},
  }),
};
const sink = influxSink<number>({
  url,
  token,
  org,
  bucket,
  points: (n) => ({
    measurement: "m",
    tags: { n: String(n % 50) },
    fields: { n: BigInt(n) },
    time: 1_700_000_000_000 + n,
  }),
});
const run = from(numbers)
  .throttle({ elements: 10_000, per: "1s" })
  .to(
    acknowledging(sink, (values) => appendFileSync(journal, `${values.join("\n")}\n`)),
    { batch: { size: 200 }, retry: { attempts: 100, delay: "50ms", maxDelay: "500ms" } },
  )
  .start();
const progress = setInterval(() => console.log(JSON.stringify(run.metrics())), 200);
await run.done.finally(() => clearInterval(progress));
