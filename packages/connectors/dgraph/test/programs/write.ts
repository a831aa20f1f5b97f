/** Writes people and their friendships from number 0 on, and says up to which number all is acknowledged. Ends by SIGKILL, or when all is written. */
import { from, type Sink } from "@millrace/core";
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
const telling: Sink<number> = {
  ...writes,
  connect: async (context) => {
    const connection = await writes.connect(context);
    return {
      ...connection,
      open: async (task, state) => {
        const writer = await connection.open(task, state);
        return {
          write: async (values, writing) => {
            const outcomes = await writer.write(values, writing);
            console.log(`acknowledged ${values.at(-1)}`);
            return outcomes;
          },
          close: () => writer.close(),
        };
      },
    };
  },
};
await from(Array.from({ length: Number(count) }, (_, n) => n))
  .to(telling)
  .run();
console.log("done");
