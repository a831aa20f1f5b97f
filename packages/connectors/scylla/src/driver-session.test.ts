import cassandra, { type Client } from "cassandra-driver";
import { expect, it } from "vitest";
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
function fakeClient(): { readonly client: Client; readonly told: Record<string, unknown>[]; readonly calls: string[] } {
  const told: Record<string, unknown>[] = [];
  const calls: string[] = [];
  const answer = async (call: string, options: Record<string, unknown>): Promise<object> => {
    calls.push(call);
    told.push(options);
    return { rows: [], columns: [], info: {}, pageState: null };
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
