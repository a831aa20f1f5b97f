/** Scans, looks up and writes until it is told to stop, fails to connect in every way, and then must end by itself: whatever is left open keeps the process. */
import { from } from "@millrace/core";
import { dgraphLookup, dgraphQueries, dgraphSink, dgraphSource, dql, ensureSchema } from "../../src/index.js";

const [url = "", prefix = ""] = process.argv.slice(2);
const xid = `${prefix}id`;
const names = { nodes: { has: xid }, select: [xid] } as const;
let seen = 0;
const run = from(
  dgraphSource({
    url,
    ...names,
    pageSize: 50,
    decode: (node) => {
      if (++seen === 500) setImmediate(() => void run.stop().then(({ status }) => console.log(status)));
      return String(node[xid]);
    },
  }),
)
  .lookup(
    (id) => id,
    dgraphLookup({ url, by: xid, select: [] }),
    (id, node) => ({ id, found: node !== undefined }),
  )
  .to(
    dgraphSink({
      url,
      xid,
      concurrency: 2,
      write: ({ id, found }) => ({ kind: "set", id, fields: { [`${prefix}flag`]: found } }),
    }),
  )
  .start();
await run.done;
const queries = await dgraphQueries({ url });
await queries.ask(dql`{ a(func: uid(0x1)) { uid } }`);
queries.close();
await ensureSchema({ url }, {});
const wrong = await Promise.allSettled([
  from([1])
    .to(dgraphSink({ url, xid: "nothing", write: () => undefined }))
    .run(),
  from(dgraphSource({ url, nodes: { has: "nothing" }, select: [], decode: () => 1 })).collect(),
  from(["a"])
    .lookup(
      (id) => id,
      dgraphLookup({ url, by: "nothing", select: [] }),
      (id) => id,
    )
    .collect(),
  dgraphQueries({ url: "127.0.0.1:9" }),
]);
console.log(`refused ${wrong.filter(({ status }) => status === "rejected").length}`);
