/** Writes people and their friendships from number 0 on, and says up to which number all is acknowledged. Ends by SIGKILL, or when all is written. */
import { from } from "@millrace/core";
import { acknowledging } from "../../../../../testbed/acknowledging.js";
import { dgraphSink } from "../../src/index.js";

const [url = "", prefix = "", count = "0"] = process.argv.slice(2);
const writes = dgraphSink<number>({
  url,
  xid: `${prefix}id`,
  batch: { size: 50 },
  write: (n) => ({
    kind: "set",
    id: `n${n}`,
    fields: { [`${prefix}number`]: n },
    edges: [{ predicate: `${prefix}friends`, to: `n${(n * 7) % Number(count)}`, facets: { n } }],
  }),
});
await from(Array.from({ length: Number(count) }, (_, n) => n))
  .to(acknowledging(writes, (values) => console.log(`acknowledged ${values.at(-1)}`)))
  .run();
console.log("done");
