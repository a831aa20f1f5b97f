/** Writes numbered values, each version of a row after the other, and prints which are acknowledged. Ends by SIGKILL, or when all are. */
import { from } from "@millrace/core";
import { acknowledging } from "../../../../../testbed/acknowledging.js";
import { scyllaSink } from "../../src/index.js";

const [contactPoint = "", keyspace = "", table = "", countText = "", version = ""] = process.argv.slice(2);
const count = Number(countText);
const sink = scyllaSink<number>({
  contactPoints: [contactPoint],
  keyspace,
  table,
  row: (n) => ({ owner: `owner ${n % 50}`, slot: n % 1_000, n }),
  ...(version === "position" ? { version } : {}),
});
const numbers: Iterable<number> = {
  *[Symbol.iterator]() {
    for (let n = 0; n < count; n++) yield n;
  },
};
await from(numbers)
  .to(
    acknowledging(sink, (written) => process.stdout.write(`acknowledged ${written.at(-1)}\n`)),
    { batch: { size: 200 } },
  )
  .run();
console.log("done");
