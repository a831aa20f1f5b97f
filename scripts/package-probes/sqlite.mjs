// The packed connector on a real file: a topic, keyed state, and an exactly-once topic behind it, run twice on one file. The second
// run must go on from the first's checkpoint.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { from, topology } from "@millrace/core";
import { sqliteCheckpoints, sqliteTopic } from "@millrace/sqlite";

const dir = mkdtempSync(join(tmpdir(), "millrace-probe-"));
const file = join(dir, "app.db");
const text = new TextDecoder();
const input = sqliteTopic({ file, name: "input" });
const sums = sqliteTopic({ file, name: "sums" });

const summing = topology(
  "summing",
  from(input.source({ decode: ({ value }) => JSON.parse(text.decode(value)), stopAt: "latest" }))
    .keyBy(({ key }) => key)
    .stateful("sum", { init: () => 0, onValue: (sum, { amount }) => [sum + amount, sum + amount] })
    .to(sums.sink({ encode: (sum) => ({ key: "a", value: String(sum) }) })),
);

async function add(amounts) {
  await input.append(amounts.map((amount) => ({ key: "a", value: JSON.stringify({ key: "a", amount }) })));
  await summing.run({ checkpoint: { every: "1s", store: sqliteCheckpoints({ file }) } });
}

try {
  await add([1, 2, 3]);
  await add([4, 5]);
  const found = [];
  for await (const { value } of sums.messages()) found.push(Number(text.decode(value)));
  assert.deepEqual(found, [1, 3, 6, 10, 15]);
  console.log(`sqlite: ${found.length} messages over two runs`);
} finally {
  await input.close();
  await sums.close();
  rmSync(dir, { recursive: true });
}
