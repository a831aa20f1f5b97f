import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OutMessage, Sink } from "@millrace/core";
import { checkpointSuite, sinkSuite, sourceSuite, testContext } from "@millrace/core/testing";
import { sqliteCheckpoints, sqliteTable, sqliteTopic, type TableRow } from "@millrace/sqlite";
import { killThreads } from "./kill-threads.js";
import { contents, texts } from "./text-topic.js";

async function newFile(): Promise<{ file: string; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), "millrace-sqlite-"));
  return { file: join(dir, "app.db"), remove: () => rm(dir, { recursive: true, force: true }) };
}

checkpointSuite({
  name: "sqlite",
  async setup() {
    const { file, remove } = await newFile();
    return { store: () => sqliteCheckpoints({ file }), teardown: remove };
  },
});

sourceSuite<string>({
  name: "sqlite topic",
  async setup(values) {
    const { file, remove } = await newFile();
    const topic = sqliteTopic({ file, name: "events", partitions: 3 });
    const append = async (more: readonly string[]): Promise<void> => {
      await topic.append(more.map((value) => ({ key: value, value })));
      await topic.close();
    };
    await append(values);
    return { source: () => texts(topic), append, teardown: () => topic.close().then(remove) };
  },
  sample: (index) => `value ${index}`,
  kill: killThreads,
});

sinkSuite<string>({
  name: "sqlite topic",
  async setup() {
    const { file, remove } = await newFile();
    const topic = sqliteTopic({ file, name: "events", partitions: 3 });
    const encode = (value: string): OutMessage => ({ key: value, value });
    return {
      sink: () => topic.sink({ encode }),
      contents: async () => {
        const found = await contents(topic);
        await topic.close();
        return found;
      },
      teardown: () => topic.close().then(remove),
    };
  },
  sample: (index) => `value ${index}`,
  poison: () => "half a pair: \ud800",
  kill: killThreads,
});

const columns = { name: "TEXT", total: "INTEGER" } as const;
type Total = TableRow<typeof columns, "name">;

const sample = (index: number): Total => ({ name: `name ${index}`, total: index });
const poison = (): Total => ({ name: "poison", total: 0.5 });

for (const version of [undefined, "total"] as const)
  sinkSuite<Total>({
    name: `sqlite table ${version === undefined ? "" : "with version"}`,
    async setup() {
      const { file, remove } = await newFile();
      const table = sqliteTable({
        file,
        table: "totals",
        columns,
        key: "name",
        ...(version === undefined ? {} : { version }),
      });
      return {
        sink: () => table.sink({ row: (total: Total) => total }),
        contents: () => table.rows(),
        teardown: remove,
      };
    },
    sample,
    poison,
    kill: killThreads,
  });

sinkSuite<Total>({
  name: "sqlite table inside the checkpoint's commit",
  async setup() {
    const { file, remove } = await newFile();
    const table = sqliteTable({ file, table: "totals", columns, key: "name" });
    const store = sqliteCheckpoints({ file });
    const transactional = (sink: Sink<Total>): Sink<Total> => ({
      ...sink,
      connect: (context) => sink.connect({ ...context, transactionalSystem: store.system }),
    });
    return {
      sink: () => transactional(table.sink({ row: (total: Total) => total })),
      contents: () => table.rows(),
      async apply(payload) {
        const connection = await store.connect(testContext());
        const { number, latest } = await connection.lease("job");
        const head = {
          format: 1,
          ended: false,
          topologyHash: "",
          mode: "one",
          positions: new Map(),
          partitionCounts: new Map(),
        } as const;
        const time = { processing: 0, watermarks: new Map() };
        const commits = [{ sink: "totals", payload }];
        await connection.commit("job", number, {
          ...head,
          time,
          epoch: (latest?.epoch ?? 0) + 1,
          sinkStates: new Map(),
          changes: [],
          commits,
        });
        await connection.close();
      },
      teardown: remove,
    };
  },
  sample,
  poison,
});
