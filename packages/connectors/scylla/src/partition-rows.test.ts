import fc from "fast-check";
import pLimit from "p-limit";
import { describe, expect, it } from "vitest";
import { FakeSession, NOTHING, type Request } from "../test/fake-session.js";
import { TYPES } from "./cell-type.js";
import type { BoundStatement, TableShape } from "./cql-session.js";
import { type BoundRow, RowStatements } from "./row-statements.js";
import { TableWriter } from "./sink-writer.js";
import { GrowingTime } from "./write-version.js";

interface Entry {
  readonly owner: string;
  readonly n: number | bigint;
  readonly m: string;
  readonly v: string;
}

const CODES: Readonly<Record<keyof Entry, number>> = { owner: TYPES.text, n: TYPES.int, m: TYPES.text, v: TYPES.text };
const NAMES = ["owner", "n", "m", "v"] as const;

/** What is sent for a write of these values, twice. */
async function sent(
  values: readonly Entry[],
  { clusteringKey = ["n"] as readonly string[], shared = false, maxRows = 100 } = {},
): Promise<readonly Request[]> {
  const shape: TableShape = {
    keyspace: "app",
    table: "entries",
    columns: NAMES.map((name) => ({ name, type: { code: CODES[name] }, isStatic: shared && name === "v" })),
    partitionKey: ["owner"],
    clusteringKey,
    compaction: "UnifiedCompactionStrategy",
  };
  const session = new FakeSession(() => NOTHING);
  const plan = {
    row: (value: Entry) => ({ ...value }),
    remove: ({ v }: Entry) => v === "gone",
    version: undefined,
    ttlSeconds: undefined,
    maxRows,
    maxBytes: 32_768,
    call: { consistency: 6 },
  };
  const time = new GrowingTime(() => 1_000);
  const writer = new TableWriter(session, new RowStatements(shape, "unset", false), plan, time, pLimit(64));
  const none = values.map(() => undefined);
  const context = { attempt: 1, ids: none, keys: none, times: none, origins: none };
  for (let round = 0; round < 2; round++)
    await writer.write(values, { ...context, signal: new AbortController().signal });
  return session.requests;
}

function stampOf({ query, params }: BoundStatement): bigint | undefined {
  if (!query.includes("TIMESTAMP")) return undefined;
  return Buffer.from(params[query.startsWith("DELETE") ? 0 : params.length - 1] as Uint8Array).readBigInt64BE();
}

describe("rows of a partition", () => {
  it("that write one cell have growing times: at the same, the larger value would win and not the later one", async () => {
    const text = fc.constantFrom("a", "b", "ab");
    const entries = fc.array(
      fc.record({
        owner: text,
        n: fc.oneof(fc.nat(5), fc.bigInt(0n, 5n), fc.constant(-0)),
        m: text,
        v: fc.constantFrom("x", "gone"),
      }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(
        entries,
        fc.constantFrom<readonly string[]>([], ["n"], ["n", "m"], ["m", "n"]),
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        async (values, clusteringKey, shared, maxRows) => {
          const cell = ["owner", ...(shared ? [] : clusteringKey)] as (keyof Entry)[];
          const last = new Map<string, bigint>();
          const requests = await sent(values, { clusteringKey, shared, maxRows });
          expect(requests.flatMap(({ statements }) => statements).length).toBe(values.length * 2);
          for (const { statements, options } of requests)
            for (const statement of statements) {
              const value = values[(statement as BoundRow).place] as Entry;
              const name = cell.map((each) => String(value[each])).join();
              const stamp = stampOf(statement) ?? BigInt(options.timestamp ?? 0);
              expect(stamp).toBeGreaterThan(last.get(name) ?? 0n);
              last.set(name, stamp);
            }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("that are written once have the time of their request", async () => {
    const [request] = await sent([3, 1, 2, 3, 4].map((n) => ({ owner: "a", n, m: "", v: "" })));
    expect(request?.options.timestamp).toBe(1_000_000);
    const none = undefined;
    expect(request?.statements.map(stampOf)).toEqual([none, none, none, 1_000_001n, none]);
  });
});
