/** Writes numbered values, each version of a row after the other, and prints which are acknowledged. Ends by SIGKILL, or when all are. */
import { from, type Sink } from "@millrace/core";
import { scyllaSink } from "../../src/index.js";

const [contactPoint = "", keyspace = "", table = "", countText = "", version = ""] = process.argv.slice(2);
const count = Number(countText);
const inner = scyllaSink<number>({
  contactPoints: [contactPoint],
  keyspace,
  table,
  row: (n) => ({ owner: `owner ${n % 50}`, slot: n % 1_000, n }),
  ...(version === "position" ? { version } : {}),
});
const acknowledging: Sink<number> = {
  ...inner,
  async connect(context) {
    const connection = await inner.connect(context);
    return {
      close: () => connection.close(),
      async open(task, state) {
        const writer = await connection.open(task, state);
        return {
          close: () => writer.close(),
          async write(values, call) {
            const outcomes = await writer.write(values, call);
            const written = values.filter((_, i) => outcomes === undefined || outcomes[i] === "written");
            process.stdout.write(`acknowledged ${written[written.length - 1]}\n`);
            return outcomes;
          },
        };
      },
    };
  },
};
const numbers: Iterable<number> = {
  *[Symbol.iterator]() {
    for (let n = 0; n < count; n++) yield n;
  },
};
await from(numbers)
  .to(acknowledging, { batch: { size: 200 } })
  .run();
console.log("done");
