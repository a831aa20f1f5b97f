import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { from } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import { MongoClient } from "mongodb";
import { afterAll, expect, it } from "vitest";
import { parseEnv, testbed } from "../../../../testbed/command-line.js";
import { ensureSchema, mongoChanges, mongoCheckpoints, mongoLookup, mongoSink, mongoSource } from "../src/index.js";
import { url as openUrl, testDatabase } from "./databases.js";

const SECRET = "sesame-42";
const folder = await mkdtemp(join(tmpdir(), "millrace-mongo-"));
const port = process.env.MONGO_ACCESS_PORT ?? "28117";
const started: { readonly stop: () => Promise<unknown> }[] = [];

/** A server of our own with these arguments, on the same data each time. */
async function server(args: string): Promise<{ readonly url: string; readonly down: () => Promise<unknown> }> {
  const own = testbed("mongo", { TESTBED_RUN: folder, MONGO_PORT: port, MONGO_ARGS: args });
  await own("up");
  started.push({ stop: () => own("wipe") });
  return { url: parseEnv(await own("env")).MONGO_URL ?? "", down: () => own("down") };
}

afterAll(async () => {
  await started[0]?.stop();
  await rm(folder, { recursive: true, force: true });
});

const failure = async (work: Promise<unknown>): Promise<Error & { code?: string; class?: string }> =>
  work.then(
    () => {
      throw new Error("it should have failed");
    },
    (error: Error) => error,
  );

type Connection = Parameters<typeof ensureSchema>[0];
/** Every part, by what connects it. */
const parts = (connection: Connection): readonly (() => Promise<unknown>)[] => {
  const context = testContext();
  const collection = "citizens";
  return [
    () => mongoSink({ ...connection, collection, write: () => undefined }).connect(context),
    () => mongoSource({ ...connection, collection, decode: (document) => document }).connect(context),
    () => mongoChanges({ ...connection, collection, decode: (change) => change }).connect(context),
    () => mongoCheckpoints(connection).connect(context),
    () => mongoLookup({ ...connection, collection }).connect?.(context) as Promise<unknown>,
    () => ensureSchema(connection, { citizens: {} }),
  ];
};

it("users: the right password is taken, a wrong one refused at once and never shown, a missing right is said", async () => {
  const open = await server("");
  const admin = new MongoClient(open.url);
  await admin.db("admin").command({ createUser: "bob", pwd: SECRET, roles: ["root"] });
  await admin.db("app").createCollection("citizens");
  await admin.close();
  await open.down();
  const { url } = await server("--auth");
  const [, host] = /\/\/([^/]+)\//.exec(url) as unknown as [string, string];
  const right: Connection = {
    url: `mongodb://bob:${SECRET}@${host}/?directConnection=true&authSource=admin`,
    database: "app",
  };
  await from(["ada"])
    .to(
      mongoSink<string>({
        ...right,
        collection: "citizens",
        write: (id) => ({ kind: "set", id, fields: { score: 1 } }),
      }),
    )
    .run();
  expect(await from(mongoSource({ ...right, collection: "citizens", decode: ({ score }) => score })).collect()).toEqual(
    [1],
  );
  const byOptions: Connection = {
    url,
    database: "app",
    options: { auth: { username: "bob", password: SECRET }, authSource: "admin" },
  };
  expect(
    await from(mongoSource({ ...byOptions, collection: "citizens", decode: ({ score }) => score })).collect(),
  ).toEqual([1]);

  const began = performance.now();
  const wrong = `not-${SECRET}`;
  for (const connection of [
    { url: `mongodb://bob:${wrong}@${host}/?directConnection=true&authSource=admin`, database: "app" },
    { url, database: "app", options: { auth: { username: "bob", password: wrong }, authSource: "admin" } },
  ])
    for (const part of parts(connection)) {
      const error = await failure(part());
      expect(error).toMatchObject({ class: "fatal", code: "E_MONGO_AUTH" });
      expect(inspect(error, { depth: 12, showHidden: true }) + JSON.stringify(error)).not.toContain(SECRET);
    }
  expect(performance.now() - began).toBeLessThan(10_000);

  for (const part of parts({ url, database: "app" }))
    expect(await failure(part())).toMatchObject({ class: "fatal", code: "E_MONGO_AUTH" });
});

it("TLS: by the driver's own options; a certificate that is not trusted is refused", async () => {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"],
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
  ]);
  await testbed("mongo", { TESTBED_RUN: folder, MONGO_PORT: port })("wipe");
  const { url } = await server(`--tls-cert-file ${cert} --tls-key-file ${key}`);
  const secure: Connection = { url, database: "app", options: { tls: true, tlsCAFile: cert } };
  await ensureSchema(secure, { citizens: {} });
  await from(["ada"])
    .to(
      mongoSink<string>({
        ...secure,
        collection: "citizens",
        write: (id) => ({ kind: "insertIgnore", document: { _id: id } }),
      }),
    )
    .run();
  expect(await from(mongoSource({ ...secure, collection: "citizens", decode: ({ _id }) => _id })).collect()).toEqual([
    "ada",
  ]);
  for (const options of [{ tls: true }, {}])
    for (const part of parts({ url, database: "app", options, timeoutMs: 500 }))
      expect(await failure(part())).toMatchObject({ code: "E_MONGO_CONNECTION" });
});

it("a server that is not there fails the start within its time, and says so", async () => {
  const began = performance.now();
  for (const part of parts({
    url: `mongodb://bob:${SECRET}@127.0.0.1:1/?directConnection=true`,
    database: "app",
    timeoutMs: 500,
  })) {
    const error = await failure(part());
    expect(error).toMatchObject({ class: "transient", code: "E_MONGO_CONNECTION" });
    expect(error.message).toContain("ECONNREFUSED 127.0.0.1:1");
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain(SECRET);
  }
  expect(performance.now() - began).toBeLessThan(5_000);
});

it("an address that is none is told without its password", async () => {
  for (const url of [
    `mongodb://bob:${SECRET}@`,
    `mongodb://bob:${SECRET}@host:nine`,
    `mongodb://bob:${SECRET}@host/?tls=maybe`,
    // The driver says what it got.
    `mongodb://bob:${SECRET}@host/?authMechanism=${SECRET}`,
  ]) {
    const error = await failure(
      mongoSink({ url, database: "app", collection: "c", write: () => undefined }).connect(testContext()),
    );
    expect(error).toMatchObject({ class: "fatal", code: "E_MONGO_ARGUMENT" });
    expect(inspect(error, { depth: 12, showHidden: true })).not.toContain(SECRET);
  }
});

it("a collection that is not there fails the start, at once", async () => {
  const { database, drop } = await testDatabase();
  const connection = { url: openUrl, database };
  const context = testContext();
  const collection = "citizen";
  for (const part of [
    () => mongoSink({ ...connection, collection, write: () => undefined }).connect(context),
    () => mongoSource({ ...connection, collection, decode: (document) => document }).connect(context),
    () => mongoChanges({ ...connection, collection, decode: (change) => change }).connect(context),
    () => mongoLookup({ ...connection, collection }).connect?.(context),
  ])
    expect(await failure(part() as Promise<unknown>)).toMatchObject({
      class: "fatal",
      code: "E_MONGO_COLLECTION",
      message: `there is no collection "citizen" in database "${database}": make it first, see ensureSchema()`,
    });
  await drop();
});

it("a client that is passed in is used, and left open", async () => {
  const { client, database, db, contents, drop } = await testDatabase();
  await db.createCollection("out");
  const mine = { client, database };
  const sink = mongoSink<number>({ ...mine, collection: "out", write: (n) => ({ kind: "set", id: n, fields: { n } }) });
  await from([1, 2])
    .to(sink)
    .run({ checkpoint: { every: "1s", store: mongoCheckpoints(mine) } } as never);
  expect((await contents("out")).length).toBe(2);
  await drop();
});

it("a server by itself has no changes and no transactions, which is said at the start", async () => {
  await testbed("mongo", { TESTBED_RUN: folder, MONGO_PORT: port })("wipe");
  const { url } = await server("--standalone");
  await ensureSchema({ url, database: "app" }, { citizens: {} });
  const connection = { url, database: "app" };
  for (const part of [
    () => mongoChanges({ ...connection, collection: "citizens", decode: (change) => change }).connect(testContext()),
    () => mongoCheckpoints(connection).connect(testContext()),
    () => mongoLookup({ ...connection, collection: "citizens", watch: true }).connect?.(testContext()),
  ])
    expect(await failure(part() as Promise<unknown>)).toMatchObject({ class: "fatal", code: "E_MONGO_REPLICA_SET" });
  await from(["ada"])
    .to(
      mongoSink<string>({
        ...connection,
        collection: "citizens",
        write: (id) => ({ kind: "set", id, fields: { a: 1 } }),
      }),
    )
    .run();
});
