/** Counts values by key in one task over all partitions, exactly once, until it is killed or told to stop, or with `stopAt` "latest" at the end of what is there. */
import { setTimeout } from "node:timers/promises";
import { from, topology } from "@millrace/core";
import { redpandaCheckpoints, redpandaSink, redpandaSource } from "../../src/index.js";
import { driverNamed } from "../brokers.js";

const [driverName = "", brokerList = "", input = "", output = "", checkpoints = "", group = "", stopAt] =
  process.argv.slice(2);
const driver = driverNamed(driverName);
const brokers = brokerList.split(",");
const text = new TextDecoder();
let seen = 0;
let out = 0;
const source = redpandaSource<number>({
  brokers,
  driver,
  topic: input,
  groupId: group,
  sessionTimeoutMs: 6_000,
  ...(stopAt === "latest" ? { stopAt } : {}),
  decode: ({ value }) => {
    seen++;
    return Number(text.decode(value));
  },
});
const sink = redpandaSink<string>({
  brokers,
  driver,
  topic: output,
  encode: (line) => {
    out++;
    return { key: line.slice(0, line.indexOf(" ")), value: line };
  },
});
const counted = from(source)
  .keyBy((n) => `key-${n % 17}`)
  .stateful("count", {
    init: () => 0,
    onValue: (count: number, n: number, { key }) => [count + 1, `${key} ${count + 1} ${n}`],
  })
  // So slow that a kill hits it. A throttle would keep what it holds in its state at the end, as every stop does.
  .mapAsync(
    async (line) => {
      await setTimeout(1);
      return line;
    },
    { concurrency: 4 },
  );
const run = topology(group, counted.to(sink)).start({
  checkpoint: { every: "200ms", store: redpandaCheckpoints({ brokers, driver, topic: checkpoints, partitions: 1 }) },
});
const progress = setInterval(() => console.log(`seen ${seen} out ${out}`), 100);
process.once("SIGTERM", () => void run.stop());
await run.done.finally(() => clearInterval(progress));
console.log("done");
