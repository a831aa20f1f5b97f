import type { WriteContext, WriteOutcome } from "@millrace/core";
import cassandra from "cassandra-driver";
import fc from "fast-check";
import pLimit from "p-limit";
import { describe, expect, it } from "vitest";
import { FakeSession, NOTHING, type Request } from "../test/fake-session.js";
import { TYPES } from "./cell-type.js";
import type { TableShape } from "./cql-session.js";
import { RowStatements } from "./row-statements.js";
import { type SinkPlan, TableWriter } from "./sink-writer.js";
import { GrowingTime } from "./write-version.js";

const { errors } = cassandra;

const SHAPE: TableShape = {
  keyspace: "app",
  table: "entries",
  columns: [
    { name: "owner", type: { code: TYPES.text } },
    { name: "n", type: { code: TYPES.int } },
    { name: "v", type: { code: TYPES.text } },
  ],
  partitionKey: ["owner"],
  clusteringKey: ["n"],
  compaction: "UnifiedCompactionStrategy",
};

interface Entry {
  readonly owner: string;
  readonly n: number;
  readonly v?: string | null;
}

const entry = (owner: string, n: number, v = "v"): Entry => ({ owner, n, v });

function contextOf(count: number, signal = new AbortController().signal): WriteContext {
  const none = new Array<undefined>(count).fill(undefined);
  const origins = none.map((_, i) => ({ source: "s", partition: "0", offset: i, index: "" }));
  return { signal, attempt: 1, ids: none, keys: none, times: none, origins };
}

function writerOn(
  session: FakeSession,
  plan: Partial<SinkPlan<Entry>> = {},
  { nulls = "unset" as "unset" | "tombstone", concurrency = 64, shape = SHAPE } = {},
): TableWriter<Entry> {
  const full: SinkPlan<Entry> = {
    row: (value) => ({ ...value }),
    remove: undefined,
    version: undefined,
    ttlSeconds: undefined,
    maxRows: 100,
    maxBytes: 32_768,
    call: { consistency: 6 },
    ...plan,
  };
  const statements = new RowStatements(shape, nulls, full.ttlSeconds !== undefined);
  return new TableWriter(session, statements, full, new GrowingTime(() => 1_000), pLimit(concurrency));
}

const ok = () => new FakeSession(() => NOTHING);
const timedOut = (): Error => new errors.ResponseError(0x1100, "write timed out");
const refusedWhere = (bad: (request: Request) => boolean): FakeSession =>
  new FakeSession((request) => {
    if (bad(request)) throw new errors.ResponseError(0x2200, "refused");
    return NOTHING;
  });

const ownerOf = ({ statements }: Request): Set<string> => new Set(statements.map(({ params }) => params[0] as string));
const numbersOf = ({ statements }: Request): number[] => statements.map(({ params }) => params[1] as number);
const stampsOf = ({ statements }: Request): bigint[] =>
  statements.map(({ params }) => Buffer.from(params[params.length - 1] as Uint8Array).readBigInt64BE());
const classes = (outcomes: readonly WriteOutcome[]): string[] =>
  outcomes.map((outcome) => (outcome === "written" ? "written" : outcome.class));

/** Of a statement in a batch: its id and the number of its values, and these with their lengths. */
const wireBytes = (params: readonly unknown[]): number =>
  params.reduce(
    (sum: number, param) => sum + 4 + (typeof param === "string" ? Buffer.byteLength(param) : 4),
    1 + 2 + 16 + 2,
  );

describe("requests", () => {
  it("are of one partition each, in order, within the limits, and hold every row once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            owner: fc.constantFrom("a", "b", "ab", ""),
            n: fc.nat(50),
            v: fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: fc.constant("語"), maxLength: 20 })),
          }),
          {
            maxLength: 80,
          },
        ),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 40, max: 600 }),
        fc.boolean(),
        async (values, maxRows, maxBytes, versioned) => {
          const session = ok();
          const sound = values.filter(({ v }) => v.isWellFormed());
          await writerOn(session, { maxRows, maxBytes, version: versioned ? "position" : undefined }).write(
            sound,
            contextOf(sound.length),
          );
          for (const request of session.requests) {
            expect(ownerOf(request).size).toBe(1);
            expect(request.statements.length).toBeLessThanOrEqual(maxRows);
            const bytes = request.statements.reduce((sum, { params }) => sum + wireBytes(params), 0);
            if (request.statements.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
          }
          for (const owner of new Set(sound.map((each) => each.owner)))
            expect(session.requests.filter((request) => ownerOf(request).has(owner)).flatMap(numbersOf)).toEqual(
              sound.filter((each) => each.owner === owner).map(({ n }) => n),
            );
        },
      ),
      {
        numRuns: 60,
        examples: [[Array.from({ length: 10 }, (_, n) => ({ owner: "a", n, v: "語".repeat(16) })), 9, 405, false]],
      },
    );
  });

  it("never are more at once than allowed", async () => {
    const session = new FakeSession(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return NOTHING;
    });
    const values = Array.from({ length: 40 }, (_, i) => entry(`owner ${i}`, 1));
    await writerOn(session, {}, { concurrency: 3 }).write(values, contextOf(40));
    expect(session.requests.length).toBe(40);
    expect(session.most).toBe(3);
  });

  it("carry the position as version, so that it is the same after a replay", async () => {
    const session = ok();
    const writer = writerOn(session, { version: "position" });
    await writer.write([entry("a", 1), entry("a", 2)], contextOf(2));
    await writer.write([entry("a", 1), entry("a", 2)], contextOf(2));
    const [first, again] = session.requests as [Request, Request];
    expect(stampsOf(first)).toEqual([1n, 4_097n]);
    expect(stampsOf(again)).toEqual(stampsOf(first));
  });

  it("delete with the version too", async () => {
    const session = ok();
    await writerOn(session, { remove: ({ v }) => v === "gone", version: ({ n }) => n }).write(
      [entry("a", 7, "gone")],
      contextOf(1),
    );
    const { query, params } = session.requests[0]?.statements[0] ?? { query: "", params: [] };
    expect(query).toBe('DELETE FROM "app"."entries" USING TIMESTAMP ? WHERE "owner" = ? AND "n" = ?');
    expect(Buffer.from(params[0] as Uint8Array).readBigInt64BE()).toBe(7n);
  });

  it("leave out what a row leaves out, and take null for a deletion only where that was asked for", async () => {
    for (const [nulls, wanted] of [
      ["unset", undefined],
      ["tombstone", null],
    ] as const) {
      const session = ok();
      await writerOn(session, {}, { nulls }).write(
        [
          { owner: "a", n: 1, v: null },
          { owner: "a", n: 2 },
        ],
        contextOf(2),
      );
      expect(session.requests[0]?.statements.map(({ params }) => params[2])).toEqual([wanted, undefined]);
    }
  });

  it("carry a ttl where there is one; none is the table's", async () => {
    const session = ok();
    await writerOn(session, { ttlSeconds: ({ n }) => (n === 1 ? 60 : undefined) }).write(
      [entry("a", 1), entry("a", 2)],
      contextOf(2),
    );
    const params = session.requests[0]?.statements.map((each) => each.params[3]);
    expect(params).toEqual([60, undefined]);
  });
});

describe("what does not fit", () => {
  it("is named by its key, and the others are written", async () => {
    const session = ok();
    const outcomes = await writerOn(session).write(
      [entry("a", 1), entry("a", 0.5), { owner: "a", n: 2, w: 1 } as Entry, { owner: "a" } as Entry, entry("a", 3)],
      contextOf(5),
    );
    expect(classes(outcomes)).toEqual(["written", "poison", "poison", "poison", "written"]);
    expect(outcomes.slice(1, 4).map((outcome) => (outcome as { message: string }).message)).toEqual([
      'row owner=a, n=0.5 of app.entries: column "n": int takes a whole number; above 2^53 a bigint, not 0.5',
      'row owner=a, n=2 of app.entries: the table has no column "w"',
      'row owner=a, n=undefined of app.entries: "n" is part of the key and has no value',
    ]);
    expect(session.requests.flatMap(numbersOf)).toEqual([1, 3]);
  });

  it("is found by halves where the server refuses it, wherever it stands", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(30), { maxLength: 6 }),
        fc.integer({ min: 1, max: 31 }),
        async (bad, count) => {
          const session = refusedWhere((request) => numbersOf(request).some((n) => bad.includes(n)));
          const values = Array.from({ length: count }, (_, n) => entry("a", n));
          const outcomes = await writerOn(session).write(values, contextOf(count));
          expect(classes(outcomes)).toEqual(values.map(({ n }) => (bad.includes(n) ? "poison" : "written")));
        },
      ),
    );
  });

  it("a batch that is too large is cut, though no row is at fault", async () => {
    const session = new FakeSession(({ statements }) => {
      if (statements.length > 3) throw new errors.ResponseError(0x2200, "Batch too large");
      return NOTHING;
    });
    const values = Array.from({ length: 20 }, (_, n) => entry("a", n));
    expect(classes(await writerOn(session).write(values, contextOf(20)))).toEqual(values.map(() => "written"));
  });

  it("a row that makes its function throw is poison", async () => {
    const writer = writerOn(ok(), {
      row: () => {
        throw new Error("no such field");
      },
    });
    expect(await writer.write([entry("a", 1)], contextOf(1))).toMatchObject([
      { class: "poison", message: "no such field" },
    ]);
  });

  it("a missing table is fatal and not cut", async () => {
    const session = new FakeSession(() => {
      throw new errors.ResponseError(0x2200, "table entries does not exist");
    });
    const values = Array.from({ length: 8 }, (_, n) => entry("a", n));
    expect(new Set(classes(await writerOn(session).write(values, contextOf(8))))).toEqual(new Set(["fatal"]));
    expect(session.requests.length).toBe(1);
  });
});

describe("what fails in passing", () => {
  it("fails for its own partition, and is told by class", async () => {
    const session = new FakeSession((request) => {
      if (ownerOf(request).has("b")) throw timedOut();
      if (ownerOf(request).has("c")) throw new errors.ResponseError(0x1001, "overloaded");
      return NOTHING;
    });
    const outcomes = await writerOn(session).write([entry("a", 1), entry("b", 1), entry("c", 1)], contextOf(3));
    expect(classes(outcomes)).toEqual(["written", "unknown-outcome", "throttled"]);
  });

  it("holds back what follows in its partition: tried again later it would replace it", async () => {
    const session = new FakeSession((request) => {
      if (numbersOf(request)[0] === 2) throw timedOut();
      return NOTHING;
    });
    const values = [1, 2, 3, 4].map((n) => entry("a", n));
    const outcomes = await writerOn(session, { maxRows: 1 }).write(values, contextOf(4));
    expect(classes(outcomes)).toEqual(["written", "unknown-outcome", "unknown-outcome", "unknown-outcome"]);
    expect(session.requests.flatMap(numbersOf)).toEqual([1, 2]);
  });

  it("holds it back also where it failed in a half of a request that was refused", async () => {
    const session = new FakeSession((request) => {
      if (request.statements.length > 2) throw new errors.ResponseError(0x2200, "refused");
      if (numbersOf(request)[0] === 1) throw timedOut();
      return NOTHING;
    });
    const values = [1, 2, 3, 4, 5].map((n) => entry("a", n));
    const outcomes = await writerOn(session, { maxRows: 4 }).write(values, contextOf(5));
    expect(new Set(classes(outcomes))).toEqual(new Set(["unknown-outcome"]));
    expect(session.requests.map(numbersOf)).toEqual([
      [1, 2, 3, 4],
      [1, 2],
    ]);
  });

  it("holds back nothing where versions say what is newer", async () => {
    const session = new FakeSession((request) => {
      if (numbersOf(request)[0] === 2) throw timedOut();
      return NOTHING;
    });
    const values = [1, 2, 3, 4].map((n) => entry("a", n));
    const outcomes = await writerOn(session, { maxRows: 1, version: ({ n }) => n }).write(values, contextOf(4));
    expect(classes(outcomes)).toEqual(["written", "unknown-outcome", "written", "written"]);
  });

  it("is not tried again here: one request, one try", async () => {
    const session = new FakeSession(() => {
      throw timedOut();
    });
    await writerOn(session).write([entry("a", 1), entry("b", 1)], contextOf(2));
    expect(session.requests.length).toBe(2);
  });
});

it("a run that is over ends its writes at once and begins no more", async () => {
  const ending = new AbortController();
  const session = new FakeSession(() => new Promise(() => {}));
  const writer = writerOn(session, {}, { concurrency: 2 });
  const values = Array.from({ length: 10 }, (_, i) => entry(`owner ${i}`, 1));
  const pending = writer.write(values, contextOf(10, ending.signal));
  await new Promise((resolve) => setImmediate(resolve));
  ending.abort(new Error("over"));
  await expect(pending).rejects.toMatchObject({ code: "E_SCYLLA_ABORTED" });
  expect(session.requests.length).toBe(2);
  await expect(writer.write(values, contextOf(10, ending.signal))).rejects.toMatchObject({ code: "E_SCYLLA_ABORTED" });
});

it("a table with a counter is refused: a replay would count again", () => {
  const shape: TableShape = { ...SHAPE, columns: [...SHAPE.columns, { name: "hits", type: { code: TYPES.counter } }] };
  expect(() => writerOn(ok(), {}, { shape })).toThrow(/counter \("hits"\): a replay would count again/);
});
