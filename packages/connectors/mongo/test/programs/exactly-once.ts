/** Counts values by key, collection to collection, exactly once. Ends by SIGKILL, or when all that was there is done. */
import { from, topology } from "@millrace/core";
import { mongoCheckpoints, mongoSink, mongoSource } from "../../src/index.js";

const [url = "", database = ""] = process.argv.slice(2);
const mongo = { url, database };
let out = 0;
const source = mongoSource<number>({
  ...mongo,
  collection: "in",
  ranges: 3,
  batchSize: 100,
  decode: ({ n }) => Number(n),
});
/** Not idempotent at all: a line that is written twice is there twice. */
const sink = mongoSink<string>({
  ...mongo,
  collection: "out",
  writes: "append",
  write: (line) => {
    out++;
    return { kind: "model", model: { insertOne: { document: { line } } } };
  },
});
const counted = from(source)
  .keyBy((n) => `key-${n % 17}`)
  .stateful("count", {
    init: () => 0,
    onValue: (count: number, n: number, { key }) => [count + 1, `${key} ${count + 1} ${n}`],
  })
  // So slow that a kill hits it.
  .throttle({ elements: 1_500, per: "1s", name: "slow" });
const run = topology("counted", counted.to(sink)).start({
  checkpoint: { every: "200ms", store: mongoCheckpoints(mongo) },
  delivery: "exactly-once",
});
const progress = setInterval(() => console.log(`out ${out}`), 100);
await run.done.finally(() => clearInterval(progress));
console.log("done");
