/** Writes numbered documents, each version of one after the other, and says up to which number all is acknowledged. Ends by SIGKILL, or when all is written. */
import { from } from "@millrace/core";
import { acknowledging } from "../../../../../testbed/acknowledging.js";
import { mongoSink } from "../../src/index.js";

const [url = "", database = "", count = "0", slots = "0"] = process.argv.slice(2);
const sink = mongoSink<number>({
  url,
  database,
  collection: "out",
  write: (n) => ({ kind: "replace", document: { _id: n % Number(slots), n } }),
});
await from(Array.from({ length: Number(count) }, (_, n) => n))
  .to(
    acknowledging(sink, (values) => console.log(`acknowledged ${values.at(-1)}`)),
    { batch: { size: 100 } },
  )
  .run();
console.log("done");
