/** Reads, looks up and writes until it is told to stop, and then must end by itself: whatever is left open keeps the process. */
import { from, topology } from "@millrace/core";
import { mongoChanges, mongoCheckpoints, mongoLookup, mongoSink } from "../../src/index.js";

const [url = "", database = ""] = process.argv.slice(2);
const mongo = { url, database };
let seen = 0;
const changes = mongoChanges<number>({ ...mongo, collection: "in", decode: ({ document }) => Number(document?.n) });
const table = mongoLookup<number, number>({
  ...mongo,
  collection: "in",
  field: "n",
  watch: true,
  value: ({ n }) => Number(n),
});
const sink = mongoSink<number>({
  ...mongo,
  collection: "out",
  write: (n) => ({ kind: "insertIgnore", document: { _id: n } }),
});
const looked = from(changes).lookup(
  (n) => n,
  table,
  (n, found) => {
    if (++seen === 1_000) setImmediate(() => void run.stop().then(({ status }) => console.log(status)));
    return found ?? n;
  },
  { cache: { max: 100, ttl: "1m" } },
);
const run = topology("drain", looked.to(sink)).start({
  checkpoint: { every: "200ms", store: mongoCheckpoints(mongo) },
});
