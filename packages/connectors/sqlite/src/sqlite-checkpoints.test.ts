import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Checkpoint, CheckpointDelta, RuntimeContext, StateEntry } from "@millrace/core";
import { testContext, virtualClock } from "@millrace/core/testing";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { killThreads } from "../test/kill-threads.js";
import { tempDir } from "../test/temp-dir.js";
import { contents, textSink, writeContext } from "../test/text-topic.js";
import {
  type SqliteCheckpointConnection,
  type SqliteCheckpointsOptions,
  sqliteCheckpoints,
} from "./sqlite-checkpoints.js";
import { sqliteTable } from "./sqlite-table.js";
import { sqliteTopic } from "./sqlite-topic.js";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function connect(
  file: string,
  options: Partial<SqliteCheckpointsOptions> = {},
  given: Partial<RuntimeContext> = {},
): Promise<SqliteCheckpointConnection> {
  const connection = await sqliteCheckpoints({ file, ...options }).connect(testContext(given));
  closing.push(() => connection.close());
  return connection;
}

const newFile = (): string => join(tempDir(), "app.db");
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const entry = (key: string, value: string | undefined, state = "state"): StateEntry => [
  state,
  bytes(key),
  value === undefined ? undefined : bytes(value),
];

function delta(
  epoch: number,
  changes: readonly StateEntry[] = [],
  commits: CheckpointDelta["commits"] = [],
): CheckpointDelta {
  return {
    format: 1,
    epoch,
    ended: false,
    topologyHash: "hash",
    mode: "one",
    positions: new Map([["src", new Map([["0", String(epoch)]])]]),
    partitionCounts: new Map([["src", 1]]),
    time: { processing: epoch, watermarks: new Map() },
    sinkStates: new Map(),
    changes,
    commits,
  };
}

async function stateOf(latest: Checkpoint | undefined): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const page of latest?.entries() ?? [])
    for (const [state, key, value] of page) found[`${state}/${Buffer.from(key)}`] = String(Buffer.from(value ?? ""));
  return found;
}

/** Writes two epochs and closes. */
async function written(file: string): Promise<void> {
  const connection = await connect(file);
  const { number } = await connection.lease("job");
  await connection.commit("job", number, delta(1, [entry("a", "1"), entry("b", "2")]));
  await connection.commit("job", number, delta(2, [entry("b", "3"), entry("c", "4")]));
  await connection.close();
}

function sql(file: string, statement: string): void {
  const db = new Database(file);
  db.exec(statement);
  db.close();
}

describe("sqliteCheckpoints", () => {
  it("keeps one current state: old epochs leave nothing behind", async () => {
    const file = newFile();
    const connection = await connect(file);
    const { number } = await connection.lease("job");
    for (let epoch = 1; epoch <= 30; epoch++)
      await connection.commit(
        "job",
        number,
        delta(
          epoch,
          Array.from({ length: 20 }, (_, i) => entry(`k${i}`, `${epoch}`)),
        ),
      );
    const db = new Database(file, { readonly: true });
    expect(db.prepare("SELECT count(*) FROM millrace_state").pluck().get()).toBe(20);
    expect(db.prepare("SELECT count(*) FROM millrace_checkpoints").pluck().get()).toBe(1);
    db.close();
  });

  it("restores many pages of entries, in whatever states", async () => {
    const file = newFile();
    const connection = await connect(file);
    const { number } = await connection.lease("job");
    const changes = Array.from({ length: 40_000 }, (_, i) => entry(`k${i}`, `v${i}`, `state${i % 3}`));
    await connection.commit("job", number, delta(1, changes));
    await connection.release("job", number);
    const { latest } = await connection.lease("job");
    let pages = 0;
    const state = new Map<string, string>();
    for await (const page of latest?.entries() ?? []) {
      pages++;
      for (const [name, key, value] of page) state.set(`${name}/${Buffer.from(key)}`, String(value));
    }
    expect(pages).toBeGreaterThan(3);
    expect(state).toEqual(
      new Map(changes.map(([name, key, value]) => [`${name}/${Buffer.from(key)}`, String(Buffer.from(value ?? ""))])),
    );
  });

  it("lets the event loop go on while a large checkpoint is packed and written", async () => {
    const connection = await connect(newFile());
    const { number } = await connection.lease("job");
    const changes = Array.from({ length: 100_000 }, (_, i) => entry(`key ${i}`, "x".repeat(100)));
    let turns = 0;
    let turnsAtLast = 0;
    let committing = true;
    const turn = (): void => {
      turns++;
      if (committing) setImmediate(turn);
    };
    setImmediate(turn);
    const last = changes.pop() as StateEntry;
    Object.defineProperty(changes, changes.length, {
      get() {
        turnsAtLast = turns;
        return last;
      },
    });
    await connection.commit("job", number, delta(1, changes));
    committing = false;
    expect(turnsAtLast).toBeGreaterThanOrEqual(10);
  });

  it("refuses entries of a checkpoint that has been replaced while they were read", async () => {
    const file = newFile();
    await written(file);
    const connection = await connect(file);
    const { number, latest } = await connection.lease("job");
    await connection.commit("job", number, delta(3, [entry("a", "9")]));
    await expect(stateOf(latest)).rejects.toMatchObject({ code: "E_CHECKPOINT_STORE" });
  });

  it("gives the lease of each task to whoever asks first, in files beside the database", async () => {
    const file = newFile();
    const connection = await connect(file);
    await connection.lease("job");
    await connection.lease("job/1");
    expect([existsSync(`${file}.lease`), existsSync(`${file}.lease.2`)]).toEqual([true, true]);
    const other = await connect(file);
    for (const task of ["job", "job/1"])
      await expect(other.lease(task)).rejects.toMatchObject({
        code: "E_LEASE_HELD",
        message: expect.stringMatching(new RegExp(`"${task}".*process ${process.pid} on .+ since \\d{4}-`)),
      });
  });

  it("tries as a standby by the run's clock", async () => {
    const file = newFile();
    const clock = virtualClock();
    const first = await connect(file);
    const { number } = await first.lease("job");
    const standby = await connect(file, {}, { clock });
    let got: number | undefined;
    const waiting = standby.lease("job", { wait: true }).then((lease) => {
      got = lease.number;
    });
    await expect.poll(() => clock.pending).toBe(1);
    await first.release("job", number);
    expect(got).toBeUndefined();
    await clock.advance(250);
    await waiting;
    expect(got).toBe(number + 1);
  });

  it("ends a standby's wait with the run", async () => {
    const file = newFile();
    await (await connect(file)).lease("job");
    const run = new AbortController();
    const clock = virtualClock();
    const standby = await connect(file, {}, { signal: run.signal, clock });
    const waiting = standby.lease("job", { wait: true });
    await expect.poll(() => clock.pending).toBe(1);
    run.abort();
    await expect(waiting).rejects.toMatchObject({ code: "E_ABORTED" });
    expect(clock.pending).toBe(0);
  });

  it("is up, and down once it is closed", async () => {
    const connection = await connect(newFile());
    expect(await connection.health()).toMatchObject({ status: "up" });
    await connection.close();
    expect(await connection.health()).toMatchObject({ status: "down" });
  });
});

describe("a damaged store", () => {
  it("is restored unharmed where nothing was changed", async () => {
    const file = newFile();
    await written(file);
    const { latest } = await (await connect(file)).lease("job");
    expect([latest?.epoch, await stateOf(latest)]).toEqual([2, { "state/a": "1", "state/b": "3", "state/c": "4" }]);
  });

  it("gives its lease back when the checkpoint can not be restored", async () => {
    const file = newFile();
    await written(file);
    sql(file, "UPDATE millrace_checkpoints SET epoch = 1");
    const connection = await connect(file);
    await expect(connection.lease("job")).rejects.toMatchObject({ code: "E_CHECKPOINT_CORRUPT" });
    sql(file, "UPDATE millrace_checkpoints SET epoch = 2");
    expect((await connection.lease("job")).latest?.epoch).toBe(2);
  });

  it("is told from a good one with its file and what to do", async () => {
    const file = newFile();
    await written(file);
    sql(file, "DELETE FROM millrace_state WHERE key = CAST('a' AS BLOB)");
    const { latest } = await (await connect(file)).lease("job");
    await expect(stateOf(latest)).rejects.toMatchObject({
      code: "E_CHECKPOINT_CORRUPT",
      message: expect.stringMatching(
        /app\.db: the checkpoint of task "job" is damaged: .*Restore the file from a backup/,
      ),
    });
  });

  it.each([
    ["text", "this is no database, but a text that somebody has put in its place\n".repeat(100)],
    ["an empty page", "\0".repeat(8_192)],
  ])("that is %s is refused at connect", async (_, content) => {
    const file = newFile();
    writeFileSync(file, content);
    await expect(connect(file)).rejects.toMatchObject({
      code: "E_CHECKPOINT_CORRUPT",
      message: expect.stringContaining(file),
    });
  });

  it("says that its lease file is something else", async () => {
    const file = newFile();
    writeFileSync(`${file}.lease`, "not a lease, but some other file that happens to have this name ".repeat(20));
    await expect((await connect(file)).lease("job")).rejects.toMatchObject({
      code: "E_SQLITE_OPEN",
      message: expect.stringContaining(".lease"),
    });
  });
});

describe("a store that can not write", () => {
  it("says that it is full, keeps the last epoch, and goes on once there is room", async () => {
    const file = newFile();
    const connection = await connect(file, { maxBytes: 256 * 1_024 });
    const { number } = await connection.lease("job");
    await connection.commit("job", number, delta(1, [entry("a", "1")]));
    const large = [entry("b", "x".repeat(500_000))];
    for (let i = 0; i < 2; i++)
      await expect(connection.commit("job", number, delta(2, large))).rejects.toMatchObject({
        code: "E_SQLITE_FULL",
        message: expect.stringContaining(file),
      });
    expect(await connection.latestEpoch("job", number)).toBe(1);
    await connection.commit("job", number, delta(2, [entry("b", "2")]));
    await connection.release("job", number);
    expect(await stateOf((await connection.lease("job")).latest)).toEqual({ "state/a": "1", "state/b": "2" });
  });

  it("says that it needs at least some room", () => {
    expect(() => sqliteCheckpoints({ file: "app.db", maxBytes: 1_000 })).toThrow(/E_ARGUMENT/);
  });

  it("tells whoever waits that its thread is gone, and works again when opened anew", async () => {
    const file = newFile();
    const connection = await connect(file);
    const { number } = await connection.lease("job");
    await connection.commit("job", number, delta(1, [entry("a", "1")]));
    const pending = connection.commit("job", number, delta(2, [entry("a", "2")]));
    const refused = expect(pending).rejects.toMatchObject({
      code: "E_SQLITE_THREAD",
      message: expect.stringContaining(file),
    });
    await killThreads();
    await refused;
    await expect(connection.latestEpoch("job", number)).rejects.toMatchObject({ code: "E_SQLITE_THREAD" });
    await connection.close();
    const { latest } = await (await connect(file)).lease("job");
    expect(await stateOf(latest)).toEqual({ "state/a": String(latest?.epoch) });
  });
});

describe("sinks of the same file", () => {
  async function setUp() {
    const file = newFile();
    const topic = sqliteTopic({ file, name: "out", partitions: 1 });
    closing.push(() => topic.close());
    const table = sqliteTable({ file, table: "totals", columns: { name: "TEXT", total: "INTEGER" }, key: "name" });
    const store = sqliteCheckpoints({ file });
    const context = testContext({ transactionalSystem: store.system });
    const [topicSink, tableSink] = [
      textSink(topic),
      table.sink({ row: ([name, total]: readonly [string, number]) => ({ name, total }) }),
    ];
    const [topicConnection, tableConnection] = [await topicSink.connect(context), await tableSink.connect(context)];
    closing.push(
      () => topicConnection.close(),
      () => tableConnection.close(),
    );
    const task = { topology: "test", partitions: ["0"], lease: 1 };
    const [messages, rows] = [await topicConnection.open(task, undefined), await tableConnection.open(task, undefined)];
    const connection = await connect(file);
    const { number } = await connection.lease("job");
    const flush = async (epoch: number) => {
      const commits = [];
      for (const [sink, writer] of [
        ["out", messages],
        ["totals", rows],
      ] as const) {
        const payload = (await writer.flush?.(epoch))?.commit;
        if (payload !== undefined) commits.push({ sink, payload });
      }
      return commits;
    };
    return { file, topic, table, store, messages, rows, connection, number, flush };
  }

  it("name the same system as the store", async () => {
    const { topic, table, store } = await setUp();
    expect(textSink(topic).system).toBe(store.system);
    expect(table.sink({ row: () => ({ name: "", total: 0 }) }).system).toBe(store.system);
  });

  it("write inside its commit, all or nothing", async () => {
    const { topic, table, messages, rows, connection, number, flush } = await setUp();
    await messages.write(["a:1", "b:1"], writeContext(["1", "2"]));
    await rows.write([["a", 1]], writeContext([undefined]));
    expect([await contents(topic), await table.rows()]).toEqual([[], []]);
    await connection.commit("job", number, delta(1, [entry("k", "1")], await flush(1)));
    expect([await contents(topic), await table.rows()]).toEqual([["a:1", "b:1"], [{ name: "a", total: 1 }]]);
    await messages.write(["c:1"], writeContext(["3"]));
    await rows.write([["a", 2]], writeContext([undefined]));
    const commits = await flush(2);
    // Refused: so is all that came with it.
    await expect(connection.commit("job", number, delta(1, [entry("k", "2")], commits))).rejects.toMatchObject({
      code: "E_CHECKPOINT_STORE",
    });
    await expect(connection.commit("job", number - 1, delta(2, [entry("k", "2")], commits))).rejects.toMatchObject({
      code: "E_FENCED",
    });
    expect([await contents(topic), await table.rows()]).toEqual([["a:1", "b:1"], [{ name: "a", total: 1 }]]);
    // What was given up goes into the next epoch.
    await messages.write(["d:1"], writeContext(["4"]));
    await connection.commit("job", number, delta(3, [entry("k", "3")], [...commits, ...(await flush(3))]));
    expect([await contents(topic), await table.rows()]).toEqual([
      ["a:1", "b:1", "c:1", "d:1"],
      [{ name: "a", total: 2 }],
    ]);
  });

  it("wake readers of this process with the commit", async () => {
    const { topic, messages, connection, number, flush } = await setUp();
    const source = await topic
      .source({ decode: ({ value }) => String(value) })
      .connect(testContext({ clock: virtualClock() }));
    closing.push(() => source.close());
    const reader = await source.open("0", undefined);
    await reader.read();
    const pending = reader.read();
    await messages.write(["a"], writeContext(["1"]));
    await connection.commit("job", number, delta(1, [], await flush(1)));
    expect((await pending)?.values).toEqual(["a"]);
  });

  it("undo state and head where a sink's part fails", async () => {
    const { file, topic, messages, rows, connection, number, flush } = await setUp();
    await messages.write(["a"], writeContext(["1"]));
    await rows.write([["a", 1]], writeContext([undefined]));
    sql(file, "CREATE TRIGGER no BEFORE INSERT ON totals BEGIN SELECT RAISE(ABORT, 'not today'); END");
    await expect(connection.commit("job", number, delta(1, [entry("k", "1")], await flush(1)))).rejects.toMatchObject({
      code: "E_SQLITE_CONSTRAINT",
      message: expect.stringMatching(/not today.*table "totals"/),
    });
    expect([await connection.latestEpoch("job", number), await contents(topic)]).toEqual([undefined, []]);
  });

  it("refuses what another system's sink wants to commit", async () => {
    const { connection, number } = await setUp();
    await expect(
      connection.commit("job", number, delta(1, [], [{ sink: "other", payload: {} }])),
    ).rejects.toMatchObject({ code: "E_CHECKPOINT_STORE", message: expect.stringContaining('sink "other"') });
    expect(await connection.latestEpoch("job", number)).toBeUndefined();
  });
});
