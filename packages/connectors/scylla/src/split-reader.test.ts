import cassandra from "cassandra-driver";
import fc from "fast-check";
import pLimit from "p-limit";
import { describe, expect, it } from "vitest";
import { FakeSession, type Request } from "../test/fake-session.js";
import type { BoundStatement, Row } from "./cql-session.js";
import { readPlace } from "./scan-position.js";
import { type ScanPlan, SplitReader, TOKEN_COLUMN } from "./split-reader.js";
import { MAX_TOKEN, MIN_TOKEN, splitRing, type TokenRange } from "./token-splits.js";

const { errors } = cassandra;

/** Rows by token, as a server holds them. */
type Stored = readonly { readonly token: bigint; readonly c: number }[];

interface ServerOptions {
  readonly pageSize?: number;
  readonly deleted?: (row: { readonly c: number }) => boolean;
  readonly version?: () => number;
}

/**
 * Answers like a server: pages of `pageSize` places, of which deleted rows take one up without being in the answer. A mark is the place
 * it stands at, and holds for one version of the server.
 */
function serverOf(
  stored: () => Stored,
  { pageSize = 3, deleted = () => false, version = () => 1 }: ServerOptions = {},
): FakeSession {
  return new FakeSession(({ statements, options: { pageState } }: Request) => {
    const { query, params } = statements[0] as BoundStatement;
    const [lower, upper] = params.map((bytes) => Buffer.from(bytes as Uint8Array).readBigInt64BE()) as [bigint, bigint];
    const own = stored().filter(({ token }) => (query === "first" ? token >= lower : token > lower) && token <= upper);
    if (pageState !== undefined && Number.parseInt(pageState.slice(0, 4), 16) !== version())
      throw new errors.ResponseError(0x0a, "Invalid value for the paging state");
    const from = pageState === undefined ? 0 : Number.parseInt(pageState.slice(4), 16);
    const page = own.slice(from, from + pageSize);
    const next = from + pageSize;
    const mark = `${version().toString(16).padStart(4, "0")}${next.toString(16)}`;
    return {
      rows: page.filter((row) => !deleted(row)).map(({ token, c }): Row => ({ [TOKEN_COLUMN]: token, t: token, c })),
      pageState: next < own.length ? mark : undefined,
    };
  });
}

function planOn(session: FakeSession, row?: (row: Row) => string): ScanPlan<string> {
  return {
    session,
    query: "next",
    firstQuery: "first",
    row: row ?? (({ t, c }) => `${t}/${c}`),
    offset: ({ t, c }) => `${t}/${c}`,
    call: { consistency: 6 },
    limit: pLimit(4),
    table: "app.entries",
    reachable: async () => {},
  };
}

const RING = splitRing(1)[0] as TokenRange;
const stored = fc
  .array(fc.record({ token: fc.constantFrom(MIN_TOKEN, -5n, 0n, 1n, 2n, 77n, MAX_TOKEN), c: fc.nat(9) }), {
    maxLength: 40,
  })
  .map((rows): Stored => {
    const unique = new Map(rows.map((row) => [`${row.token}/${row.c}`, row]));
    return [...unique.values()].sort((a, b) => (a.token === b.token ? a.c - b.c : a.token < b.token ? -1 : 1));
  });
const names = (rows: Stored): string[] => rows.map(({ token, c }) => `${token}/${c}`);

describe("a part of the ring", () => {
  it("gives every row once, with empty pages, whatever the hosts' tokens, resumed behind every batch", async () => {
    await fc.assert(
      fc.asyncProperty(
        stored,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        fc.array(fc.constantFrom(-5n, 1n, 50n), { maxLength: 3 }),
        fc.integer({ min: 2, max: 9 }),
        async (rows, pageSize, splits, upgrades, tokens, hole) => {
          let version = 1;
          const deleted = ({ c }: { readonly c: number }): boolean => c % hole === 0;
          const session = serverOf(() => rows, { pageSize, deleted, version: () => version });
          session.tokens = tokens;
          const found: string[] = [];
          for (const range of splitRing(splits)) {
            let position: string | undefined;
            for (;;) {
              const place = position === undefined ? undefined : readPlace(position);
              const batch = await new SplitReader(planOn(session), range, place).read();
              if (batch === undefined) break;
              found.push(...batch.values);
              position = batch.position;
              // Hosts come and go between one run and the next.
              session.tokens = session.tokens.slice(1);
              if (upgrades) version++;
            }
          }
          expect(found).toEqual(names(rows.filter((row) => !deleted(row))));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("goes on by token where the server gives up its mark in the middle", async () => {
    let version = 1;
    const rows = Array.from({ length: 14 }, (_, c) => ({ token: c < 9 ? 5n : 6n, c }));
    const session = serverOf(() => rows, { version: () => version });
    const reader = new SplitReader(planOn(session), RING, undefined);
    const found: string[] = [];
    for (let batch = await reader.read(); batch !== undefined; batch = await reader.read()) {
      found.push(...batch.values);
      version++;
    }
    expect(found).toEqual(names(rows));
  });

  it("a server that takes none of its marks fails the scan, and does not hold it for ever", async () => {
    let version = 1;
    const rows = Array.from({ length: 9 }, (_, c) => ({ token: 5n, c }));
    const reader = new SplitReader(planOn(serverOf(() => rows, { version: () => version++ })), RING, undefined);
    await reader.read();
    await expect(reader.read()).rejects.toMatchObject({ class: "fatal", code: "E_SCYLLA_PROTOCOL" });
  });

  it("finds rows that are added behind its last position", async () => {
    let rows: Stored = [{ token: 1n, c: 0 }];
    const plan = planOn(serverOf(() => rows));
    const first = await new SplitReader(plan, RING, undefined).read();
    rows = [...rows, { token: 1n, c: 1 }, { token: 9n, c: 0 }];
    const again = await new SplitReader(plan, RING, readPlace(first?.position ?? "")).read();
    expect(again?.values).toEqual(["1/1", "9/0"]);
  });

  it("a row that can not be decoded is poison, and keeps its place", async () => {
    const rows = [0, 1, 2].map((c) => ({ token: 3n, c }));
    const plan = planOn(
      serverOf(() => rows),
      ({ c }) => {
        if (c === 1) throw new Error("no value");
        return String(c);
      },
    );
    const batch = await new SplitReader(plan, RING, undefined).read();
    expect(batch?.values).toEqual(["0", "2"]);
    expect(batch?.offsets).toEqual(["3/0", "3/2"]);
    expect(batch?.poison).toMatchObject([
      { offset: "3/1", error: { code: "E_DECODE", message: "row 3/1 of app.entries: no value" } },
    ]);
  });

  it("has its offset by its key, whatever is done to the row", async () => {
    const rows = [0, 1, 2].map((c) => ({ token: 3n, c }));
    const plan = planOn(
      serverOf(() => rows),
      (row) => {
        Object.assign(row, { c: 9 });
        if (row.t === 3n) (row as Record<string, unknown>).t = "changed";
        return "value";
      },
    );
    const batch = await new SplitReader(plan, RING, undefined).read();
    expect(batch?.offsets).toEqual(["3/0", "3/1", "3/2"]);
    expect(batch?.offsets).toBe(batch?.offsets);
  });

  it("fails by class, waits for a host only after the connection is lost, and loses nothing by it", async () => {
    let failures = 2;
    let waits = 0;
    const healthy = serverOf(() => [{ token: 1n, c: 0 }]);
    const session = new FakeSession(({ statements: [statement], options }) => {
      if (failures-- > 0)
        throw failures === 1
          ? new errors.ResponseError(0x1200, "read timed out")
          : new errors.NoHostAvailableError({ h: new Error("down") });
      return healthy.execute(statement as never, options);
    });
    const plan = { ...planOn(session), reachable: async () => void waits++ };
    const reader = new SplitReader(plan, RING, undefined);
    await expect(reader.read()).rejects.toMatchObject({ class: "transient", code: "E_SCYLLA_READ" });
    await expect(reader.read()).rejects.toMatchObject({ class: "transient", code: "E_SCYLLA_CONNECTION" });
    expect(waits).toBe(0);
    expect((await reader.read())?.values).toEqual(["1/0"]);
    expect(waits).toBe(1);
  });

  it("ends a pending read at close", async () => {
    const reader = new SplitReader(planOn(new FakeSession(() => new Promise(() => {}))), RING, undefined);
    const pending = reader.read();
    await reader.close();
    expect(await pending).toBeUndefined();
    expect(await reader.read()).toBeUndefined();
  });
});
