/** A process is killed (SIGKILL) half way and a second one goes on: sums, positions and rows are in one SQLite file. */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { from, topology } from "@millrace/core";
import { sqliteCheckpoints, sqliteTable, sqliteTopic } from "@millrace/sqlite";

const PAYMENTS = 12_000;
const [, script = "", given, dieAt] = process.argv;
const folder = given ?? (await mkdtemp(join(tmpdir(), "millrace-")));
const file = join(folder, "app.db");
const payments = sqliteTopic({ file, name: "payments", partitions: 2 });
const columns = { account: "TEXT", total: "INTEGER" } as const;
const table = sqliteTable({ file, table: "balances", columns, key: "account" });

async function work(): Promise<void> {
  let seen = 0;
  const text = new TextDecoder();
  const balances = from(payments.source({ decode: ({ key }) => text.decode(key), stopAt: "latest" }))
    .mapAsync(
      async (account) => {
        await setTimeout(1);
        if (++seen === Number(dieAt)) process.kill(process.pid, "SIGKILL");
        return account;
      },
      { concurrency: 64 },
    )
    .keyBy((account) => account)
    .stateful("balance", { init: () => 0, onValue: (sum, account) => [sum + 1, { account, total: sum + 1 }] });
  const checkpoint = { every: "50ms", store: sqliteCheckpoints({ file }) } as const;
  const written = topology("balances", balances.to(table.sink({ row: (row) => row })));
  await written.run({ checkpoint, delivery: "exactly-once" });
  console.log(`went on where the first one was: ${seen < PAYMENTS}`);
}

if (given !== undefined) {
  await work();
} else {
  await payments.append(Array.from({ length: PAYMENTS }, (_, i) => ({ key: `account-${i % 10}`, value: "1" })));
  await payments.close();
  for (const at of ["9000", "never"]) {
    const ended = spawnSync(process.execPath, [...process.execArgv, script, folder, at], { stdio: "inherit" });
    console.log(`process ended: ${ended.signal ?? ended.status}`);
  }
  const rows = await table.rows();
  console.log(`${rows.length} accounts, ${rows.reduce((sum, row) => sum + (row.total ?? 0), 0)} payments counted`);
  await rm(folder, { recursive: true });
}

// prints:
// process ended: SIGKILL
// went on where the first one was: true
// process ended: 0
// 10 accounts, 12000 payments counted
