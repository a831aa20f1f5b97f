import { ServerCredentials } from "@grpc/grpc-js";
import { from, type RuntimeContext, StreamError, WriteError } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import { DgraphClientStub } from "dgraph-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { type StandIn, type StandInOptions, startStandIn } from "../../../../testbed/dgraph-stand-in/index.js";
import {
  type DgraphConnection,
  type DgraphWrite,
  dgraphLookup,
  dgraphQueries,
  dgraphSink,
  dgraphSource,
  dql,
  ensureSchema,
} from "../src/index.js";
import { SELF_SIGNED } from "./self-signed.js";

const PASSWORD = "open-sesame-42";
const SCHEMA = {
  predicates: { id: { type: "string", index: ["exact"], upsert: true }, n: { type: "int" } },
  types: { Thing: ["id", "n"] },
} as const;

async function running(options: StandInOptions = {}): Promise<StandIn> {
  const standIn = await startStandIn(options);
  onTestFinished(() => standIn.stop());
  return standIn;
}

const sinkOn = (connection: DgraphConnection): ReturnType<typeof dgraphSink<number>> =>
  dgraphSink<number>({
    ...connection,
    xid: "id",
    type: "Thing",
    write: (n): DgraphWrite => ({ kind: "set", id: `${n}`, fields: { n } }),
  });
const sourceOn = (connection: DgraphConnection): ReturnType<typeof dgraphSource<number>> =>
  dgraphSource<number>({
    ...connection,
    nodes: { type: "Thing" },
    select: ["n"],
    pageSize: 2,
    decode: ({ n }) => n as number,
  });

/** Every part that connects. */
const parts = (connection: DgraphConnection): Record<string, (context: RuntimeContext) => Promise<unknown>> => ({
  sink: (context) => sinkOn(connection).connect(context),
  source: (context) => sourceOn(connection).connect({ ...testContext(), ...context }),
  lookup: async (context) => dgraphLookup({ ...connection, by: "id", select: [] }).connect?.(context),
  schema: () => ensureSchema(connection, SCHEMA),
  queries: () => dgraphQueries(connection),
});

async function refusalsOf(connection: DgraphConnection): Promise<(WriteError | StreamError)[]> {
  const refusals: (WriteError | StreamError)[] = [];
  for (const [name, connect] of Object.entries(parts(connection))) {
    const error = await connect(testContext()).then(
      () => undefined,
      (refused: unknown) => refused,
    );
    expect(error instanceof WriteError || error instanceof StreamError, `${name}: ${error}`).toBe(true);
    refusals.push(error as WriteError);
  }
  return refusals;
}

/** All that a log or a debugger could show of an error. */
function shownBy(error: unknown): string {
  const texts: string[] = [];
  for (let each = error as Error | undefined; each !== undefined; each = each.cause as Error | undefined)
    texts.push(String(each.stack), JSON.stringify(each, Object.getOwnPropertyNames(each)));
  return texts.join("\n");
}

describe("a login", () => {
  const users = { groot: PASSWORD };

  it("is taken where it is right, and renewed when its token ends, in the middle of everything", async () => {
    const standIn = await running({ users });
    const connection = { url: standIn.address, user: "groot", password: PASSWORD };
    await ensureSchema(connection, SCHEMA);
    await from([1, 2, 3, 4, 5]).to(sinkOn(connection)).run();
    const reading = await sourceOn(connection).connect(testContext());
    onTestFinished(() => reading.close());
    const reader = await reading.open("0", undefined);
    expect((await reader.read())?.values).toEqual([1, 2]);
    standIn.logins.expireAccess();
    const loginsBefore = standIn.logins.logins;
    expect((await reader.read())?.values).toEqual([3, 4]);
    expect([standIn.logins.logins, standIn.logins.refreshes]).toEqual([loginsBefore, 1]);
    // The refresh token ends too, later.
    standIn.logins.expireAccess();
    standIn.logins.expireRefresh();
    expect((await reader.read())?.values).toEqual([5]);
    expect(standIn.logins.logins).toBe(loginsBefore + 1);
  });

  it("is renewed once for all calls that find it over", async () => {
    const standIn = await running({ users });
    const connection = { url: standIn.address, user: "groot", password: PASSWORD };
    await ensureSchema(connection, SCHEMA);
    const queries = await dgraphQueries(connection);
    onTestFinished(() => queries.close());
    standIn.logins.expireAccess();
    await Promise.all(Array.from({ length: 10 }, () => queries.ask(dql`{ a(func: has(id)) { uid } }`)));
    expect(standIn.logins.refreshes).toBe(1);
  });

  it("does not lose a transaction between its request and its commit", async () => {
    const standIn = await running({ users });
    const connection = { url: standIn.address, user: "groot", password: PASSWORD };
    await ensureSchema(connection, SCHEMA);
    let commits = (): void => {};
    const until = new Promise<void>((resolve) => {
      commits = resolve;
    });
    standIn.faults.next("commitOrAbort", { kind: "hold", until });
    const run = from([7]).to(sinkOn(connection)).run();
    await expect.poll(() => standIn.faults.calls.get("commitOrAbort")).toBe(1);
    standIn.logins.expireAccess();
    commits();
    await run;
    expect(standIn.logins.refreshes).toBe(1);
    expect(await from(sourceOn(connection)).collect()).toEqual([7]);
  });

  it("is refused at once where it is wrong, and never shown", async () => {
    const standIn = await running({ users });
    const refusals = await refusalsOf({ url: standIn.address, user: "groot", password: "wrong-sesame-43" });
    for (const error of refusals) {
      expect(error).toMatchObject({ class: "fatal", code: "E_DGRAPH_AUTH" });
      expect(error.message).toMatch(/refused the login of "groot"/);
      expect(shownBy(error)).not.toContain("wrong-sesame-43");
    }
    for (const error of await refusalsOf({ url: standIn.address }))
      expect(error).toMatchObject({ class: "fatal", code: "E_DGRAPH_AUTH" });
  });

  it("that a server repeats in its answer is taken out of the error", async () => {
    const standIn = await running({ users });
    standIn.faults.next("login", { kind: "refuse", code: 2, message: `no user groot with ${PASSWORD}` });
    const error = await dgraphQueries({ url: standIn.address, user: "groot", password: PASSWORD }).catch(
      (refused: unknown) => refused,
    );
    expect(error).toMatchObject({ code: "E_DGRAPH_AUTH", message: expect.stringContaining("with ***") });
    expect(shownBy(error)).not.toContain(PASSWORD);
  });
});

describe("keys and tokens", () => {
  it("go with every call, and wrong ones are refused at once and never shown", async () => {
    for (const [given, wrong, authorization] of [
      [{ apiKey: "key-1" }, { apiKey: "key-2-secret" }, "key-1"],
      [{ bearerToken: "token-1" }, { bearerToken: "token-2-secret" }, "Bearer token-1"],
    ] as const) {
      const standIn = await running({ authorization });
      await ensureSchema({ url: standIn.address, tls: false, ...given }, SCHEMA);
      await from([1])
        .to(sinkOn({ url: standIn.address, tls: false, ...given }))
        .run();
      for (const error of await refusalsOf({ url: standIn.address, tls: false, ...wrong })) {
        expect(error).toMatchObject({ class: "fatal", code: "E_DGRAPH_AUTH" });
        expect(shownBy(error)).not.toContain("secret");
      }
    }
  });

  it("are not sent over a channel that is not encrypted, unless that is asked for", async () => {
    const standIn = await running();
    const error = await dgraphQueries({ url: standIn.address, apiKey: "key-1" }).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: "E_DGRAPH_CONNECTION" });
    expect(standIn.faults.calls.size).toBe(0);
  });

  it("let the schema be altered where the server asks for a token", async () => {
    const standIn = await running({ authToken: "alter-1" });
    await expect(ensureSchema({ url: standIn.address }, SCHEMA)).rejects.toMatchObject({ code: "E_DGRAPH_FORBIDDEN" });
    expect(await ensureSchema({ url: standIn.address, authToken: "alter-1" }, SCHEMA)).toBe(true);
  });
});

describe("TLS", () => {
  it("trusts the authority that it is given, and no other", async () => {
    const { cert, key } = SELF_SIGNED;
    const credentials = ServerCredentials.createSsl(null, [
      { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) },
    ]);
    const standIn = await running({ credentials });
    const trusted = { url: standIn.address, tls: { ca: cert, serverName: "millrace-test" } };
    await ensureSchema(trusted, SCHEMA);
    await from([1]).to(sinkOn(trusted)).run();
    expect(await from(sourceOn(trusted)).collect()).toEqual([1]);
    for (const tls of [true, { ca: cert, serverName: "other" }, false])
      await expect(dgraphQueries({ url: standIn.address, tls, timeout: "5s" })).rejects.toMatchObject({
        code: "E_DGRAPH_CONNECTION",
      });
  });

  it("needs both parts of a client certificate", async () => {
    await expect(dgraphQueries({ url: "127.0.0.1:1", tls: { cert: SELF_SIGNED.cert } })).rejects.toThrow(
      /tls.key go together/,
    );
  });
});

describe("what is wrong is told at once", () => {
  it("a server that is not there", async () => {
    const began = performance.now();
    for (const error of await refusalsOf({ url: "127.0.0.1:9" }))
      expect(error).toMatchObject({ class: "transient", code: "E_DGRAPH_CONNECTION" });
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it("an address that is none, without showing it", async () => {
    for (const url of [
      "",
      "localhost",
      "http://127.0.0.1:9080",
      `dgraph://groot:${PASSWORD}@127.0.0.1:9080`,
      "dgraph://h:1?apikey=k",
    ]) {
      const error = await dgraphQueries({ url }).catch((refused: unknown) => refused);
      expect(error).toMatchObject({ code: "E_ARGUMENT" });
      expect(shownBy(error)).not.toContain(PASSWORD);
    }
    await expect(dgraphQueries({ url: [] })).rejects.toThrow("E_ARGUMENT");
  });

  it.each([
    ["no external id", "", /"id" is no predicate/],
    ["one of another type", "id: int @index(int) @upsert .", /"id" is of type int/],
    ["one without an index", "id: string .", /has no exact or hash index/],
    ["one without @upsert", "id: string @index(exact) .", /has no @upsert/],
    ["no such type", "id: string @index(hash) @upsert .", /"Thing" is no type/],
  ])("a schema with %s", async (_what, schema, message) => {
    const standIn = await running();
    if (schema !== "") await standIn.database.alter(schema);
    await expect(sinkOn({ url: standIn.address }).connect(testContext())).rejects.toThrow(message);
    await expect(
      from([1])
        .to(sinkOn({ url: standIn.address }))
        .run(),
    ).rejects.toThrow(/E_DGRAPH_SCHEMA/);
  });

  it("predicates, versions, types and indexes that are not there", async () => {
    const { address: url } = await running();
    await ensureSchema({ url }, SCHEMA);
    const base = { url, xid: "id", write: (): undefined => undefined };
    await expect(dgraphSink({ ...base, predicates: ["m"] }).connect(testContext())).rejects.toThrow(
      /"m" is no predicate/,
    );
    await expect(dgraphSink({ ...base, version: "id" }).connect(testContext())).rejects.toThrow(
      /must be a predicate of type int; it is string/,
    );
    await expect(dgraphSink({ ...base, version: "v" }).connect(testContext())).rejects.toThrow(/there is none/);
    await expect(
      dgraphSource({ url, nodes: { type: "Other" }, select: [], decode: () => 1 }).connect(testContext()),
    ).rejects.toThrow(/"Other" is no type/);
    await expect(
      dgraphSource({ url, nodes: { has: "m" }, select: [], decode: () => 1 }).connect(testContext()),
    ).rejects.toThrow(/"m" is no predicate/);
    await expect(dgraphLookup({ url, by: "n", select: [] }).connect?.(testContext())).rejects.toThrow(
      /no predicate with an index/,
    );
    for (const wrong of ["a b", "a) {", ""]) expect(() => dgraphSink({ ...base, xid: wrong })).toThrow("E_ARGUMENT");
  });
});

it("one of several addresses is enough", async () => {
  const standIn = await running();
  const connection = { url: ["127.0.0.1:9", standIn.address] };
  // Nothing is told of the one that is away.
  await ensureSchema({ url: standIn.address }, SCHEMA);
  await from([1, 2, 3])
    .to(
      dgraphSink<number>({
        ...connection,
        xid: "id",
        type: "Thing",
        batch: { size: 1 },
        write: (n) => ({ kind: "set", id: `${n}`, fields: { n } }),
      }),
      {
        retry: { attempts: 1 },
      },
    )
    .run();
  expect(await from(sourceOn({ url: standIn.address })).collect()).toEqual([1, 2, 3]);
});

describe("a stub that is passed in", () => {
  it("is used, and stays open", async () => {
    const standIn = await running();
    const stub = new DgraphClientStub(standIn.address);
    await ensureSchema({ stub }, SCHEMA);
    await from([1]).to(sinkOn({ stub })).run();
    expect(await from(sourceOn({ stub: [stub] })).collect()).toEqual([1]);
    const { Check } = await import("dgraph-js");
    expect((await stub.checkVersion(new Check())).getTag()).toBe("stand-in, not Dgraph");
    stub.close();
  });

  it("renews the login that it was given; without one that is said", async () => {
    const standIn = await running({ users: { groot: PASSWORD } });
    const stub = new DgraphClientStub(standIn.address);
    onTestFinished(() => stub.close());
    await expect(dgraphSink({ stub, xid: "id", write: () => undefined }).connect(testContext())).rejects.toMatchObject({
      class: "fatal",
      code: "E_DGRAPH_AUTH",
    });
    await stub.login("groot", PASSWORD);
    await ensureSchema({ stub }, SCHEMA);
    standIn.logins.expireAccess();
    await from([1]).to(sinkOn({ stub })).run();
    expect(standIn.logins.refreshes).toBe(1);
  });
});
