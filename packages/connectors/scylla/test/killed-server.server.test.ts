import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapsed } from "node:timers/promises";
import { promisify } from "node:util";
import { from, type Logger, type RuntimeContext } from "@millrace/core";
import { sinkChecks, sourceChecks, testContext, testSink } from "@millrace/core/testing";
import { afterAll, expect, it } from "vitest";
import { parseEnv, testbed } from "../../../../testbed/command-line.js";
import { Program } from "../../../../testbed/program.js";
import { goOn, standStill } from "../../../../testbed/stand-still.js";
import { scyllaConditional, scyllaLookup, scyllaSink, scyllaSource } from "../src/index.js";
import { freshTable, KEYSPACE, rawClient, rowsOf } from "./tables.js";

/** A server of our own, which nobody else misses while it is dead, which asks for a login, and speaks TLS to those who want it. */
const folder = await mkdtemp(join(tmpdir(), "millrace-scylla-"));
const keystore = join(folder, "server.p12");
const keytool = (...args: readonly string[]): Promise<{ stdout: string }> =>
  promisify(execFile)("keytool", [...args, "-alias", "server", "-keystore", keystore, "-storepass", "changeit"]);
await keytool("-genkeypair", "-keyalg", "RSA", "-validity", "30", "-dname", "CN=millrace", "-ext", "SAN=IP:127.0.0.1");
const { stdout: certificate } = await keytool("-exportcert", "-rfc");
const own = testbed("cassandra", {
  TESTBED_RUN: folder,
  CASS_PORT: process.env.CASS_KILL_PORT ?? "29042",
  CASS_STORAGE_PORT: process.env.CASS_KILL_STORAGE_PORT ?? "27700",
  CASS_HEAP: "768m",
  // A server that lives for some seconds is not worth the better compiler: it starts in two thirds of the time.
  CASS_JVM_ARGS: "-XX:TieredStopAtLevel=1",
  CASS_YAML_EXTRA: `authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
auth_read_consistency_level: ONE
client_encryption_options:
  enabled: true
  optional: true
  keystore: ${keystore}
  keystore_password: changeit
`,
});
await own("up");
const { CASSANDRA_CONTACT_POINTS = "" } = parseEnv(await own("env"));
const login = { username: "cassandra", password: "cassandra" };
const place = { contactPoints: [CASSANDRA_CONTACT_POINTS], ...login, keyspace: KEYSPACE };

/** The first login is made a moment after the server is up. */
async function loggedIn(): ReturnType<typeof rawClient> {
  for (let tries = 1; ; tries++)
    try {
      return await rawClient([CASSANDRA_CONTACT_POINTS], login);
    } catch (error) {
      if (tries === 60) throw error;
      await elapsed(500);
    }
}
const client = await loggedIn();

async function killAndRestart(): Promise<void> {
  await own("kill");
  await own("up");
}

async function serverPid(): Promise<number> {
  const { pid } = JSON.parse(await readFile(join(folder, "cassandra.pid"), "utf8")) as { pid: number };
  return pid;
}

/** After a restart the client of the tests is not back at once. */
async function retried<R>(attempt: () => Promise<R>): Promise<R> {
  for (let tries = 1; ; tries++)
    try {
      return await attempt();
    } catch (error) {
      if (tries === 300) throw error;
      await elapsed(300);
    }
}

afterAll(async () => {
  await client.shutdown();
  await own("wipe");
  await rm(folder, { recursive: true, force: true });
});

it("credentials: right ones are taken, wrong ones refused at once and never shown", async () => {
  const table = await freshTable(client, "auth", "id text PRIMARY KEY");
  await from(["a", "b"])
    .to(scyllaSink<string>({ ...place, table, row: (id) => ({ id }) }))
    .run();
  expect((await rowsOf(client, table)).length).toBe(2);
  const said: string[] = [];
  const note = (text: string, fields?: object): void => void said.push(text + JSON.stringify(fields ?? {}));
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const context: RuntimeContext = testContext({ logger });
  const wrong = { ...place, password: "sesame-42", table };
  const began = performance.now();
  for (const connect of [
    () => scyllaSink<string>({ ...wrong, row: (id) => ({ id }) }).connect(context),
    () => scyllaSource({ ...wrong, row: (row) => row }).connect(testContext({ logger })),
    () => scyllaLookup<string>(wrong).connect?.(context),
    () => scyllaConditional({ ...wrong, eventColumn: "id" }, { logger }),
    () =>
      scyllaSink<string>({ ...place, username: "nobody", password: "sesame-42", table, row: (id) => ({ id }) }).connect(
        context,
      ),
  ]) {
    const error: unknown = await connect()?.then(
      () => undefined,
      (refused: unknown) => refused,
    );
    expect(error).toMatchObject({ class: "fatal", code: "E_SCYLLA_AUTH" });
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toContain("sesame-42");
  }
  expect(said.join("\n")).not.toContain("sesame-42");
  expect(performance.now() - began).toBeLessThan(15_000);
});

it("TLS: a server with a certificate we trust is written to, another refused", async () => {
  const table = await freshTable(client, "tls", "id text PRIMARY KEY");
  const row = (id: string) => ({ id });
  await from(["a", "b"])
    .to(scyllaSink<string>({ ...place, table, row, ssl: { ca: certificate } }))
    .run();
  expect((await rowsOf(client, table)).length).toBe(2);
  await expect(scyllaSink<string>({ ...place, table, row, ssl: true }).connect(testContext())).rejects.toMatchObject({
    code: "E_SCYLLA_CONNECTION",
    message: expect.stringContaining("self-signed certificate"),
  });
});

it("what a login may not do ends the run", async () => {
  const table = await freshTable(client, "may", "id text PRIMARY KEY");
  await client.execute("CREATE ROLE IF NOT EXISTS reader WITH PASSWORD = 'reads' AND LOGIN = true");
  await client.execute(`GRANT SELECT ON KEYSPACE ${KEYSPACE} TO reader`);
  const run = from(["a"])
    .to(scyllaSink<string>({ ...place, username: "reader", password: "reads", table, row: (id) => ({ id }) }))
    .run();
  await expect(run).rejects.toThrow(/E_SCYLLA_AUTH.*this login may not do that/);
});

it("what was acknowledged is there when the server is killed while a topology writes, and a scan reads on", async () => {
  const table = await freshTable(client, "written", "owner text, n int, PRIMARY KEY (owner, n)");
  const count = 40_000;
  let emitted = 0;
  async function* values(): AsyncGenerator<number> {
    for (; emitted < count; emitted++) {
      yield emitted;
      if (emitted % 100 === 99) await elapsed(10);
    }
  }
  let failed: unknown;
  const untilEmitted = async (wanted: number): Promise<void> => {
    while (emitted < wanted) {
      if (failed !== undefined) throw failed;
      await elapsed(20);
    }
  };
  const writing = from(values)
    .to(scyllaSink<number>({ ...place, table, row: (n) => ({ owner: `owner ${n % 200}`, n }) }), {
      retry: { attempts: 40, delay: "100ms", maxDelay: "2s" },
    })
    .start();
  writing.done.catch((error) => {
    failed = error;
  });
  await untilEmitted(count / 4);
  await killAndRestart();
  await untilEmitted(count / 2);
  await killAndRestart();
  await writing.done;
  const there = await retried(() => rowsOf(client, table, "n"));
  expect(new Set(there.map(({ n }) => n)).size).toBe(count);
  const read = testSink<number>();
  let decoded = 0;
  const scanning = from(
    scyllaSource({
      ...place,
      table,
      pageSize: 100,
      concurrency: 1,
      row: ({ n }) => {
        decoded++;
        return Number(n);
      },
    }),
  )
    .throttle({ elements: 8_000, per: "1s" })
    .to(read)
    .start();
  scanning.done.catch((error) => {
    failed = error;
  });
  while (decoded < count / 4) {
    if (failed !== undefined) throw failed;
    await elapsed(10);
  }
  expect(decoded).toBeLessThan(count);
  await killAndRestart();
  await scanning.done;
  expect(read.values.length).toBe(count);
  expect(new Set(read.values).size).toBe(count);
}, 240_000);

it("a server that does not answer leaves writes unknown, and they are written once it does", async () => {
  const table = await retried(() => freshTable(client, "stopped", "id text, n int, PRIMARY KEY (id, n)"));
  const sink = scyllaSink<number>({ ...place, table, timeout: "1s", row: (n) => ({ id: "a", n }) });
  const connection = await sink.connect(testContext());
  const writer = await connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
  const call = { signal: new AbortController().signal, attempt: 1, ids: [], keys: [], times: [], origins: [] };
  expect(await writer.write([1], call)).toEqual(["written"]);
  await standStill(await serverPid());
  try {
    expect(await writer.write([2], call)).toMatchObject([{ class: "unknown-outcome", code: "E_SCYLLA_TIMEOUT" }]);
    expect(await connection.health?.()).toMatchObject({ status: "down" });
  } finally {
    goOn(await serverPid());
  }
  expect(await retried(async () => (await writer.write([2], call)) ?? [])).toEqual(["written"]);
  await connection.close();
  expect((await retried(() => rowsOf(client, table))).length).toBe(2);
});

it("claims under kills: every event is applied, and none twice", async () => {
  const columns = "id text PRIMARY KEY, n int, event text, events frozen<set<text>>";
  const table = await retried(() => freshTable(client, "claims", columns));
  const workers = await Promise.all(
    [0, 1].map(() => scyllaConditional({ ...place, table, eventColumn: "event", timeout: "2s" })),
  );
  let told = 0;
  let over = false;
  const work = workers.map(async (worker, w) => {
    for (let i = 0; !over; i++) {
      const event = `${w}/${i}`;
      await retried(async () => {
        for (;;) {
          const row = await worker.read({ id: "a" });
          const events = (row?.events ?? []) as readonly string[];
          // Applied by a try whose answer did not come, and written over since.
          if (events.includes(event)) return;
          const set = { n: events.length + 1, events: [...events, event] };
          const update = { key: { id: "a" }, set, if: { event: row?.event ?? null } };
          if ((await worker.updateIf(update, { event })).applied) return;
        }
      });
      told++;
    }
  });
  const untilTold = async (count: number): Promise<void> => {
    while (told < count) await elapsed(20);
  };
  for (let kill = 0; kill < 2; kill++) {
    await untilTold(told + 30);
    await killAndRestart();
  }
  await untilTold(told + 30);
  over = true;
  await Promise.all(work);
  const row = await retried(async () => (workers[0] as (typeof workers)[0]).read({ id: "a" }));
  expect(row?.n).toBe(told);
  expect(new Set(row?.events as string[]).size).toBe(told);
  for (const worker of workers) await worker.close();
}, 240_000);

it("holds no more than 40 MB while the server, or a sink behind a scan, stalls in front of a million values", async () => {
  const table = await retried(() =>
    freshTable(client, "million", "owner text, n int, text text, PRIMARY KEY (owner, n)"),
  );
  const count = 1_000_000;
  const args = [CASSANDRA_CONTACT_POINTS, login.username, login.password, KEYSPACE, table, String(count)];
  const program = new Program(import.meta.url, "million", args, ["--expose-gc"]);
  expect(await program.printed(/emitted 100000\n/), program.output).toBe(true);
  const emitted = (): number => Math.max(...[...program.output.matchAll(/emitted (\d+)\n/g)].map(([, n]) => Number(n)));
  await standStill(await serverPid());
  const before = emitted();
  await elapsed(2_000);
  const whileStopped = emitted() - before;
  goOn(await serverPid());
  expect(whileStopped).toBeLessThanOrEqual(50_000);
  expect(await program.ended, program.output).toMatchObject({ code: 0 });
  const report = JSON.parse(program.output.slice(program.output.lastIndexOf("{"))) as Record<string, number>;
  console.log(`grown by ${report.writing} MB while writing, ${report.reading} MB while reading`);
  expect(report).toMatchObject({ whileStalled: 0, came: count });
  // A page of each split, and what a channel holds.
  expect(report.decodedWhileStalled).toBeLessThan(20_000);
  // What is kept of every batch would be 57 MB in the end.
  expect(report.writing).toBeLessThan(40);
  expect(report.reading).toBeLessThan(40);
}, 400_000);

/** The suites as a whole run on the testbed's server; here only what needs a kill. */
const killed = (checks: readonly { readonly name: string; run(): Promise<void> }[]): void => {
  for (const { name, run } of checks.filter((check) => check.name.includes("killed"))) it(name, run, 180_000);
};

killed(
  sinkChecks<{ id: string; n: number }>({
    async setup() {
      const table = await retried(() => freshTable(client, "sink", "id text, n int, PRIMARY KEY (id, n)"));
      return {
        sink: () => scyllaSink<{ id: string; n: number }>({ ...place, table, row: (each) => each }),
        contents: async () => (await rowsOf(client, table)) as unknown as { id: string; n: number }[],
        teardown: async () => void (await retried(() => client.execute(`DROP TABLE IF EXISTS ${KEYSPACE}.${table}`))),
      };
    },
    sample: (index) => ({ id: `id ${index % 4}`, n: index }),
    kill: killAndRestart,
  }),
);

killed(
  sourceChecks<number>({
    async setup(values) {
      const table = await retried(() => freshTable(client, "source", "id text, n int, PRIMARY KEY (id, n)"));
      // One partition, so that what is added later lies behind what was read.
      const insert = async (more: readonly number[]): Promise<void> => {
        for (const n of more) await client.execute(`INSERT INTO ${KEYSPACE}.${table} (id, n) VALUES ('a', ${n})`);
      };
      await insert(values);
      return {
        source: () => scyllaSource({ ...place, table, row: ({ n }) => Number(n), splits: 4, pageSize: 30 }),
        append: insert,
        teardown: async () => void (await retried(() => client.execute(`DROP TABLE IF EXISTS ${KEYSPACE}.${table}`))),
      };
    },
    sample: (index) => index,
    kill: killAndRestart,
  }),
);
