import cassandra, { type Client } from "cassandra-driver";
import { expect, it } from "vitest";
import { TYPES } from "./cell-type.js";
import { openSession } from "./driver-session.js";
import { buildClient, type ScyllaConnection } from "./scylla-connection.js";

/** What the driver does not declare. */
const { retryDecision } = cassandra.policies.retry.RetryPolicy as unknown as { retryDecision: { rethrow: number } };
const RETHROW = retryDecision.rethrow;

/** A retry policy, asked what to do about each kind of failure. */
type Asked = Record<
  "onRequestError" | "onUnavailable" | "onReadTimeout" | "onWriteTimeout",
  (...about: readonly unknown[]) => object
>;

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** A client whose server is a function, and what it was told for each request. */
function fakeClient(found: object = { rows: [], columns: [] }): {
  readonly client: Client;
  readonly told: Record<string, unknown>[];
  readonly calls: string[];
} {
  const told: Record<string, unknown>[] = [];
  const calls: string[] = [];
  const answer = async (call: string, options: Record<string, unknown>): Promise<object> => {
    calls.push(call);
    told.push(options);
    return { info: {}, pageState: null, ...found };
  };
  const client = {
    on: () => client,
    removeListener: () => client,
    connect: async () => {},
    shutdown: async () => void calls.push("shutdown"),
    execute: (_: string, __: unknown, options: Record<string, unknown>) => answer("execute", options),
    batch: (_: unknown, options: Record<string, unknown>) => answer("batch", options),
  };
  return { client: client as unknown as Client, told, calls };
}

it("a page has rows of plain values without their token, made anew each time", async () => {
  const columns = [
    { name: "t", type: { code: TYPES.bigint } },
    { name: "id", type: { code: TYPES.uuid } },
    { name: "n", type: { code: TYPES.int } },
    { name: "v", type: { code: TYPES.text } },
  ];
  const uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
  const row = {
    t: cassandra.types.Long.fromString("-9007199254740993"),
    id: cassandra.types.Uuid.fromString(uuid),
    n: 7,
  };
  const { client } = fakeClient({ rows: [{ ...row, v: null }], columns, pageState: "00" });
  const session = await openSession({ client }, "a test", SILENT);
  const page = await session.page({ query: "SELECT", params: [] }, { consistency: 6 });
  expect(page).toMatchObject({ size: 1, pageState: "00" });
  expect(page.token(0)).toBe(-9007199254740993n);
  expect(page.row(0)).toStrictEqual({ id: uuid, n: 7, v: null });
  expect(page.row(0)).not.toBe(page.row(0));
});

it("batches of one statement that come often go as one statement, with the time of the write; never those with conditions", async () => {
  const { client, told, calls } = fakeClient();
  const session = await openSession({ client }, "a test", SILENT);
  const batch = [1, 2].map((n) => ({ query: "INSERT", params: [n] }));
  for (let i = 0; i < 20; i++) await session.batch(batch, { consistency: 6, serialConsistency: 9 });
  expect(new Set(calls)).toEqual(new Set(["batch"]));
  for (let i = 0; i < 20; i++) await session.batch(batch, { consistency: 6, timestamp: 1_000 + i });
  expect(calls.slice(20)).toEqual([...new Array(8).fill("batch"), ...new Array(12).fill("execute")]);
  expect(told.slice(20).map(({ timestamp }) => timestamp)).toEqual(Array.from({ length: 20 }, (_, i) => 1_000 + i));
  expect(told.at(-1)).toMatchObject({ prepare: true, consistency: 6, isIdempotent: false });
});

it("every request is prepared, has a time, is not tried again by the driver and pages one by one; batches are unlogged", async () => {
  const { client, told, calls } = fakeClient();
  const session = await openSession({ client, timeout: "3s" }, "a test", SILENT);
  const statement = { query: "INSERT", params: [] };
  await session.execute(statement, { consistency: 6, pageSize: 50, pageState: "00" });
  await session.batch([statement, statement], { consistency: 6, serialConsistency: 9 });
  expect(calls).toEqual(["execute", "batch"]);
  for (const options of told) {
    expect(options).toMatchObject({
      prepare: true,
      consistency: 6,
      readTimeout: 3_000,
      isIdempotent: false,
      autoPage: false,
    });
    const { retry } = options as { retry: Asked };
    for (const asked of [
      retry.onRequestError({}, 6, new Error("gone")),
      retry.onUnavailable({}, 6, 2, 1),
      retry.onReadTimeout({}, 6, 1, 2, false),
      retry.onWriteTimeout({}, 6, 1, 2, "BATCH_LOG"),
    ])
      expect(asked).toMatchObject({ decision: RETHROW });
  }
  expect(told[0]).toMatchObject({ fetchSize: 50, pageState: "00" });
  expect(told[1]).toMatchObject({ logged: false, serialConsistency: 9 });
  await session.close();
  expect(calls).not.toContain("shutdown");
});

it("a client that is built has as many connections as were asked for, no report to anybody, and TLS that is checked", () => {
  const built = (connection: ScyllaConnection): Record<string, unknown> =>
    (buildClient({ contactPoints: ["127.0.0.1:9"], ...connection }, 5_000) as unknown as { options: never }).options;
  expect(built({})).toMatchObject({
    pooling: { coreConnectionsPerHost: { [cassandra.types.distance.local]: 1 } },
    monitorReporting: { enabled: false },
    socketOptions: { readTimeout: 5_000 },
  });
  expect(built({}).sslOptions ?? undefined).toBeUndefined();
  expect(built({ connectionsPerHost: 4, ssl: true })).toMatchObject({
    pooling: { coreConnectionsPerHost: { [cassandra.types.distance.local]: 4 } },
    sslOptions: { rejectUnauthorized: true },
  });
});
