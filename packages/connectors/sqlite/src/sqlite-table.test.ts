import { join } from "node:path";
import type { CallContext, Key, Sink, SinkWriter } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { tempDir } from "../test/temp-dir.js";
import { writeContext } from "../test/text-topic.js";
import { SinkPayload } from "./file/sink-payload.js";
import { type SqliteTableOptions, sqliteTable, type TableColumns } from "./sqlite-table.js";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const newFile = (): string => join(tempDir(), "app.db");
const call: CallContext = { signal: new AbortController().signal, attempt: 1 };
const context = writeContext([]);

async function newWriter<T>(sink: Sink<T>, transactional = false): Promise<SinkWriter<T>> {
  const connection = await sink.connect(
    testContext(transactional ? { transactionalSystem: sink.system as string } : {}),
  );
  closing.push(() => connection.close());
  return connection.open({ topology: "test", partitions: ["0"], lease: 1 }, undefined);
}

async function execute(file: string, ...statements: string[]): Promise<void> {
  const db = new Database(file);
  for (const statement of statements) db.exec(statement);
  db.close();
}

const scores = (file: string) =>
  sqliteTable({ file, table: "scores", columns: { id: "TEXT", score: "INTEGER", seen: "REAL" }, key: "id" });
const versioned = (file: string) =>
  sqliteTable({
    file,
    table: "scores",
    columns: { id: "TEXT", score: "INTEGER", version: "INTEGER" },
    key: "id",
    version: "version",
  });

describe("sqliteTable as sink", () => {
  it("inserts rows and replaces those of the same key, the last one of a batch holding", async () => {
    const table = scores(newFile());
    const writer = await newWriter(
      table.sink({ row: (row: { id: string; score: number }) => ({ ...row, seen: null }) }),
    );
    await writer.write(
      [
        { id: "b", score: 1 },
        { id: "a", score: 2 },
        { id: "b", score: 3 },
      ],
      context,
    );
    await writer.write([{ id: "a", score: 4 }], context);
    expect(await table.rows()).toEqual([
      { id: "a", score: 4, seen: null },
      { id: "b", score: 3, seen: null },
    ]);
  });

  it("with a version keeps the newest row, in whatever order they come and however often", async () => {
    const row = fc.record({ id: fc.constantFrom("a", "b", "c"), score: fc.nat(9), version: fc.nat(20) });
    const file = newFile();
    let runs = 0;
    // Holds the file open, so that not every read starts a thread.
    await newWriter(versioned(file).sink({ row: () => ({ id: "", score: 0, version: 0 }) }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (rows, replays) => {
          const unique = [...new Map(rows.map((one) => [`${one.id} ${one.version}`, one])).values()];
          const table = sqliteTable({
            file,
            table: `t${runs++}`,
            columns: { id: "TEXT", score: "INTEGER", version: "INTEGER" },
            key: "id",
            version: "version",
          });
          const connection = await table.sink({ row: (one: (typeof rows)[number]) => one }).connect(testContext());
          const writer = await connection.open({ topology: "test", partitions: [], lease: 1 }, undefined);
          const all = [
            ...unique,
            ...(unique.length === 0 ? [] : replays.map((i) => unique[i % unique.length] as (typeof rows)[number])),
          ];
          for (let at = 0; at < all.length; at += 4) await writer.write(all.slice(at, at + 4), context);
          const newest = new Map<string, (typeof rows)[number]>();
          for (const one of unique) if (one.version > (newest.get(one.id)?.version ?? -1)) newest.set(one.id, one);
          expect(await table.rows()).toEqual([...newest.values()].sort((left, right) => (left.id < right.id ? -1 : 1)));
          await connection.close();
        },
      ),
      { numRuns: 20 },
    );
  });

  it("says how it writes", () => {
    const file = newFile();
    expect(scores(file).sink({ row: () => ({ id: "", score: 0, seen: 0 }) })).toMatchObject({
      name: "scores",
      writes: "idempotent",
      metadata: false,
      system: `sqlite:${scores(file).file}`,
    });
    expect(versioned(file).sink({ row: () => ({ id: "", score: 0, version: 0 }), name: "mine" })).toMatchObject({
      name: "mine",
      writes: "versioned",
    });
  });

  it("keeps every value exactly, also those that SQLite or its driver would change", async () => {
    const file = newFile();
    const table = sqliteTable({
      file,
      table: "all",
      columns: { key: "BIGINT", text: "TEXT", whole: "INTEGER", real: "REAL", bytes: "BLOB" },
      key: "key",
    });
    const rows = [
      { key: -(2n ** 63n), text: "", whole: Number.MAX_SAFE_INTEGER, real: 5e-324, bytes: new Uint8Array(0) },
      { key: -1n, text: '\'; DROP TABLE "all"; --', whole: -1, real: -0.5, bytes: Uint8Array.of(0, 255) },
      { key: 0n, text: "a\0b", whole: 0, real: Number.NEGATIVE_INFINITY, bytes: Uint8Array.of(1) },
      { key: 2n ** 53n + 1n, text: "🙂é日本", whole: Number.MIN_SAFE_INTEGER, real: 3, bytes: Uint8Array.of(2) },
      { key: 2n ** 63n - 1n, text: null, whole: null, real: null, bytes: null },
    ];
    const writer = await newWriter(table.sink({ row: (row: (typeof rows)[number]) => row }));
    expect(await writer.write(rows, context)).toBeUndefined();
    expect((await table.rows()).map((row) => ({ ...row, bytes: row.bytes && Uint8Array.from(row.bytes) }))).toEqual(
      rows,
    );
  });

  const misfits: [string, unknown][] = [
    ["no row", undefined],
    ["null", null],
    ["a missing column", { id: "a", score: 1 }],
    ["undefined", { id: "a", score: undefined, seen: 1 }],
    ["a key of null", { id: null, score: 1, seen: 1 }],
    ["a number as text", { id: 1, score: 1, seen: 1 }],
    ["half a surrogate pair", { id: "\ud83d", score: 1, seen: 1 }],
    ["a fraction as INTEGER", { id: "a", score: 1.5, seen: 1 }],
    ["a number beyond 2^53", { id: "a", score: 2 ** 53, seen: 1 }],
    ["a text as INTEGER", { id: "a", score: "1", seen: 1 }],
    ["NaN", { id: "a", score: 1, seen: Number.NaN }],
    ["a boolean", { id: "a", score: true, seen: 1 }],
    ["a date", { id: "a", score: 1, seen: new Date() }],
  ];
  it.each(misfits)("calls a row with %s poison, and writes the others", async (_, misfit) => {
    const table = scores(newFile());
    for (const transactional of [true, false]) {
      const writer = await newWriter(
        table.sink({ row: (row: unknown) => row as { id: string; score: number; seen: number } }),
        transactional,
      );
      const outcomes = await writer.write(
        [{ id: "x", score: 1, seen: 1 }, misfit, { id: "y", score: 1, seen: 1 }],
        context,
      );
      expect(outcomes).toEqual([
        "written",
        { class: "poison", code: "E_SQLITE_ROW", message: expect.any(String) },
        "written",
      ]);
    }
    expect((await table.rows()).map(({ id }) => id)).toEqual(["x", "y"]);
  });

  it("calls a row that the table's own constraints refuse poison, and writes the others, also inside a commit", async () => {
    const file = newFile();
    await execute(
      file,
      "CREATE TABLE scores (id TEXT NOT NULL PRIMARY KEY, score INTEGER CHECK (score >= 0), seen REAL)",
    );
    const table = scores(file);
    const rows = [1, -1, 2].map((score) => ({ id: `${score}`, score, seen: 0 }));
    const expected = [
      "written",
      { class: "poison", code: "E_SQLITE_CONSTRAINT", message: expect.stringContaining("CHECK") },
      "written",
    ];
    const transactional = await newWriter(table.sink({ row: (row: (typeof rows)[number]) => row }), true);
    expect(await transactional.write(rows, context)).toEqual(expected);
    expect(await table.rows()).toEqual([]);
    const payload = (await transactional.flush?.(1))?.commit;
    expect(payload).toBeInstanceOf(SinkPayload);
    const direct = await newWriter(table.sink({ row: (row: (typeof rows)[number]) => row }));
    expect(await direct.write(rows, context)).toEqual(expected);
    expect((await table.rows()).map(({ id }) => id)).toEqual(["1", "2"]);
  });

  it("takes whatever names tables and columns have", async () => {
    const file = newFile();
    const columns = { 'sel"ect': "TEXT", "from; DROP TABLE x": "INTEGER", ключ: "TEXT", __proto__x: "TEXT" } as const;
    const table = sqliteTable({
      file,
      table: 'ta"ble; --',
      columns,
      key: ['sel"ect', "ключ"],
      version: "from; DROP TABLE x",
    });
    const row = { 'sel"ect': "a", "from; DROP TABLE x": 1, ключ: "b", __proto__x: "c" };
    const writer = await newWriter(table.sink({ row: () => row }));
    await writer.write([1, 2], context);
    expect(await table.rows()).toEqual([row]);
  });

  it("can have nothing but its key", async () => {
    const table = sqliteTable({ file: newFile(), table: "seen", columns: { id: "TEXT" }, key: "id" });
    const writer = await newWriter(table.sink({ row: (id: string) => ({ id }) }));
    await writer.write(["a", "a", "b"], context);
    expect(await table.rows()).toEqual([{ id: "a" }, { id: "b" }]);
  });

  it.each([
    ["has no column", "CREATE TABLE scores (id TEXT PRIMARY KEY, score INTEGER)"],
    ["declares column", "CREATE TABLE scores (id TEXT PRIMARY KEY, score TEXT, seen REAL)"],
    ["primary key", "CREATE TABLE scores (id TEXT, score INTEGER PRIMARY KEY, seen REAL)"],
    ["primary key", "CREATE TABLE scores (id TEXT, score INTEGER, seen REAL)"],
  ])("refuses a table that is there and %s otherwise", async (why, statement) => {
    const file = newFile();
    await execute(file, statement);
    await expect(
      scores(file)
        .sink({ row: () => ({ id: "", score: 0, seen: 0 }) })
        .connect(testContext()),
    ).rejects.toMatchObject({ code: "E_SQLITE_SCHEMA", message: expect.stringContaining(why) });
  });

  it("takes a table that is there with other names for the same types, and more columns", async () => {
    const file = newFile();
    await execute(
      file,
      "CREATE TABLE scores (id VARCHAR(20) PRIMARY KEY, score BIGINT, seen DOUBLE, more TEXT DEFAULT 'x')",
    );
    const table = scores(file);
    const writer = await newWriter(table.sink({ row: (id: string) => ({ id, score: 1, seen: 2 }) }));
    await writer.write(["a"], context);
    expect(await table.rows()).toEqual([{ id: "a", score: 1, seen: 2 }]);
  });

  it("does not read a whole number that no number can hold as another", async () => {
    const file = newFile();
    const table = scores(file);
    await table.rows();
    await execute(file, "INSERT INTO scores VALUES ('a', 9007199254740993, 0)");
    await expect(table.rows()).rejects.toMatchObject({ code: "E_SQLITE_RANGE" });
  });

  it("says what it was given and can not use", () => {
    type Options = SqliteTableOptions<TableColumns, string>;
    const good: Options = { file: "app.db", table: "t", columns: { id: "TEXT", n: "INTEGER", b: "BLOB" }, key: "id" };
    const refused: Partial<Record<keyof Options, unknown>>[] = [
      { table: "" },
      { table: "a\0b" },
      { table: "sqlite_x" },
      { table: "millrace_topics" },
      { columns: {} },
      { columns: { id: "TEXT", ID: "TEXT" } },
      { columns: { id: "VARCHAR" } },
      { key: "other" },
      { key: [] },
      { key: ["id", "id"] },
      { version: "other" },
      { version: "id" },
      { version: "b" },
      { maxBuffer: 0 },
      { file: ":memory:" },
    ];
    for (const options of refused)
      expect(() => sqliteTable({ ...good, ...options } as Options), JSON.stringify(options)).toThrow(/E_ARGUMENT/);
    expect(() => sqliteTable(good).sink({} as never)).toThrow(/E_ARGUMENT/);
  });
});

describe("sqliteTable as lookup", () => {
  async function filled(file: string) {
    const table = scores(file);
    const writer = await newWriter(table.sink({ row: (id: string) => ({ id, score: id.length, seen: null }) }));
    await writer.write(["a", "bb", "1", "__proto__"], context);
    return table;
  }

  it("finds rows by key, many at once; what is not there is missing", async () => {
    const lookup = (await filled(newFile())).lookup();
    await lookup.connect?.(testContext());
    const found = await lookup.fetch(["bb", "none", "a", "__proto__"], call);
    expect(found).toEqual(
      new Map([
        ["bb", { id: "bb", score: 2, seen: null }],
        ["a", { id: "a", score: 1, seen: null }],
        ["__proto__", { id: "__proto__", score: 9, seen: null }],
      ]),
    );
    expect(await lookup.health?.()).toMatchObject({ status: "up" });
    await lookup.close?.();
    expect(await lookup.health?.()).toMatchObject({ status: "down" });
  });

  it("tells keys of different types apart", async () => {
    const lookup = (await filled(newFile())).lookup<Key, string>({ value: ({ id }) => id });
    await lookup.connect?.(testContext());
    expect(await lookup.fetch(["1", 1, 1n, true, Number.NaN, "\ud800"], call)).toEqual(new Map([["1", "1"]]));
    await lookup.close?.();
  });

  it("finds by a key of several columns, in the types of each", async () => {
    const table = sqliteTable({
      file: newFile(),
      table: "pairs",
      columns: { left: "INTEGER", right: "BIGINT", sum: "REAL" },
      key: ["left", "right"],
    });
    const writer = await newWriter(table.sink({ row: (n: number) => ({ left: n, right: BigInt(n), sum: n + n }) }));
    await writer.write([1, 2, 2 ** 40], context);
    expect(() => table.lookup()).toThrow(/E_ARGUMENT.*2 columns/);
    const lookup = table.lookup<number, number | null>({
      key: (n) => ({ left: n, right: BigInt(n) }),
      value: ({ sum }) => sum,
    });
    await lookup.connect?.(testContext());
    expect(await lookup.fetch([2 ** 40, 2, 3], call)).toEqual(
      new Map([
        [2 ** 40, 2 ** 41],
        [2, 4],
      ]),
    );
    await lookup.close?.();
  });

  it("sees what was written after it was connected", async () => {
    const file = newFile();
    const table = await filled(file);
    const lookup = table.lookup({ value: ({ score }) => score });
    await lookup.connect?.(testContext());
    await execute(file, "UPDATE scores SET score = 100 WHERE id = 'a'");
    expect(await lookup.fetch(["a"], call)).toEqual(new Map([["a", 100]]));
    await lookup.close?.();
  });

  it("stays open until its last user closes it, and says when it is asked too early", async () => {
    const lookup = (await filled(newFile())).lookup();
    await expect(lookup.fetch(["a"], call)).rejects.toMatchObject({
      class: "fatal",
      message: expect.stringContaining("before it was connected"),
    });
    await lookup.connect?.(testContext());
    await lookup.connect?.(testContext());
    await lookup.close?.();
    expect((await lookup.fetch(["a"], call)).size).toBe(1);
    await lookup.close?.();
    await lookup.close?.();
    await expect(lookup.fetch(["a"], call)).rejects.toMatchObject({ class: "fatal" });
  });

  it("makes the table where it is not there yet, so that sink and lookup may open in any order", async () => {
    const lookup = scores(newFile()).lookup();
    await lookup.connect?.(testContext());
    expect((await lookup.fetch(["a"], call)).size).toBe(0);
    await lookup.close?.();
  });
});
