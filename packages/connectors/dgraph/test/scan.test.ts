import { type DeadLetter, from, memoryCheckpoints } from "@millrace/core";
import { testContext, testSink } from "@millrace/core/testing";
import { expect, it, onTestFinished } from "vitest";
import { startStandIn } from "../../../../testbed/dgraph-stand-in/index.js";
import { type DgraphRow, type DgraphSourceOptions, type DgraphWrite, dgraphSource } from "../src/index.js";
import { type FreshGraph, freshGraph } from "./fresh-graph.js";
import { target } from "./target.js";
import { writeAll } from "./writing.js";

const { url, standIn } = target;

const numbered = (graph: FreshGraph, from: number, to: number): DgraphWrite[] =>
  Array.from({ length: to - from }, (_, i) => ({
    kind: "set",
    id: `n${from + i}`,
    fields: { [graph.name("number")]: from + i },
  }));

function scanOf(
  graph: FreshGraph,
  given: Partial<DgraphSourceOptions<number>> = {},
  at: string = url,
): ReturnType<typeof dgraphSource<number>> {
  return dgraphSource<number>({
    url: at,
    nodes: { type: graph.type },
    select: [graph.name("number")],
    pageSize: 10,
    decode: (node) => node[graph.name("number")] as number,
    ...given,
  } as DgraphSourceOptions<number>);
}

it("sees one moment, whatever is written, changed and deleted while it reads, and goes on in it after a resume", async () => {
  const graph = await freshGraph(url);
  await writeAll(url, graph, numbered(graph, 0, 35));
  const source = scanOf(graph);
  const first = await source.connect(testContext());
  const reader = await first.open("0", undefined);
  const seen = [...((await reader.read())?.values ?? [])];
  await writeAll(url, graph, [
    { kind: "set", id: "n20", fields: { [graph.name("number")]: 999 } },
    { kind: "delete", id: "n30" },
    ...numbered(graph, 35, 50),
  ]);
  const batch = await reader.read();
  seen.push(...(batch?.values ?? []));
  await first.close();
  const again = await source.connect(testContext());
  onTestFinished(() => again.close());
  const resumed = await again.open("0", batch?.position);
  for (let more = await resumed.read(); more !== undefined; more = await resumed.read()) seen.push(...more.values);
  expect(seen.sort((left, right) => left - right)).toEqual(Array.from({ length: 35 }, (_, i) => i));
  expect((await from(scanOf(graph)).collect()).sort((left, right) => left - right)).toEqual(
    Array.from({ length: 50 }, (_, i) => (i === 20 ? 999 : i))
      .filter((n) => n !== 30)
      .sort((left, right) => left - right),
  );
});

it("decodes with facets and languages; what can not be decoded goes to dead letters, with its bytes", async () => {
  const graph = await freshGraph(url);
  await writeAll(url, graph, [
    ...numbered(graph, 0, 3),
    { kind: "edge", from: "n1", predicate: graph.name("friends"), to: "n2", facets: { weight: 0.5 } },
    { kind: "set", id: "n2", fields: { [graph.name("number")]: 2n ** 60n } },
  ]);
  const dead = testSink<DeadLetter<unknown>>();
  const rows = testSink<DgraphRow>();
  await from(
    dgraphSource({
      url,
      nodes: { has: graph.xid },
      select: [graph.name("number"), { edge: graph.name("friends"), facets: true, select: [graph.xid] }],
      decode: (node) => {
        if (typeof node[graph.name("number")] === "bigint") throw new Error("too large for me");
        return node;
      },
    }),
  )
    .onError(dead)
    .to(rows)
    .run();
  expect(rows.values).toEqual([
    { uid: expect.any(String), [graph.name("number")]: 0 },
    {
      uid: expect.any(String),
      [graph.name("number")]: 1,
      [graph.name("friends")]: [
        { uid: expect.any(String), [graph.xid]: "n2", [`${graph.name("friends")}|weight`]: 0.5 },
      ],
    },
  ]);
  expect(dead.values.map(({ raw, error }) => [error.message, new TextDecoder().decode(raw)])).toEqual([
    ["too large for me", expect.stringContaining("1152921504606846976")],
  ]);
});

it("fails where a node has more edges than it may read, instead of leaving some out", async () => {
  const graph = await freshGraph(url);
  const friends = graph.name("friends");
  await writeAll(
    url,
    graph,
    ["b", "c", "d"].map((to) => ({ kind: "edge", from: "a", predicate: friends, to })),
  );
  const select = (first: number): DgraphSourceOptions<number>["select"] => [{ edge: friends, first, select: [] }];
  await expect(from(scanOf(graph, { select: select(2) })).collect()).rejects.toThrow(
    /E_DGRAPH_EDGES.*more than 2 edges/,
  );
  expect(await from(scanOf(graph, { select: select(3) })).countAll()).toBe(4);
});

it("reads smaller pages where one is too large to be taken, and says so where one node is", async () => {
  const graph = await freshGraph(url);
  const text = graph.name("text");
  await writeAll(
    url,
    graph,
    Array.from({ length: 30 }, (_, i) => ({
      kind: "set",
      id: `n${i}`,
      fields: { [text]: "x".repeat(3_000), [graph.name("number")]: i },
    })),
  );
  const select = [graph.name("number"), text];
  const numbers = await from(scanOf(graph, { select, maxAnswerBytes: 20_000, pageSize: 30 })).collect();
  expect(numbers).toEqual(Array.from({ length: 30 }, (_, i) => i));
  await writeAll(url, graph, [{ kind: "set", id: "large", fields: { [text]: "x".repeat(40_000) } }]);
  await expect(from(scanOf(graph, { select, maxAnswerBytes: 20_000 })).collect()).rejects.toThrow(/larger than/);
});

it("takes no position that is none", async () => {
  const graph = await freshGraph(url);
  const connection = await scanOf(graph).connect(testContext());
  onTestFinished(() => connection.close());
  await expect(connection.open("0", `1/0x1) { uid } all(func: has(${graph.xid})/more/`)).rejects.toThrow(
    "E_DGRAPH_POSITION",
  );
});

it("an answer of many megabytes, which grpc-js alone would refuse, is read", async () => {
  const graph = await freshGraph(url);
  const text = graph.name("text");
  const large = Array.from(
    { length: 6 },
    (_, i): DgraphWrite => ({
      kind: "set",
      id: `n${i}`,
      fields: { [text]: "y".repeat(1_000_000), [graph.name("number")]: i },
    }),
  );
  await writeAll(url, graph, large);
  expect(await from(scanOf(graph, { select: [graph.name("number"), text], pageSize: 500 })).collect()).toEqual([
    0, 1, 2, 3, 4, 5,
  ]);
});

if (standIn !== undefined)
  it("is refused in words when Dgraph no longer has its snapshot", async () => {
    const own = await startStandIn({ users: { groot: "x" } });
    onTestFinished(() => own.stop());
    const login = { url: own.address, user: "groot", password: "x" };
    await own.database.alter("id: string @index(exact) @upsert .\nn: int .\ntype Thing {\nid\nn\n}");
    const graph: FreshGraph = { xid: "id", type: "Thing", name: (short) => ({ number: "n" })[short] ?? short };
    await writeAll(own.address, graph, numbered(graph, 0, 25), login as never);
    const connection = await scanOf(graph, login as never, own.address).connect(testContext());
    onTestFinished(() => connection.close());
    const reader = await connection.open("0", undefined);
    const batch = await reader.read();
    // The server signs its timestamps: the position takes that along, else a resume would be refused.
    const resumed = await connection.open("0", batch?.position);
    expect((await resumed.read())?.values).toHaveLength(10);
    own.database.store.forgetBefore(Number.MAX_SAFE_INTEGER);
    await expect(reader.read()).rejects.toThrow(/E_DGRAPH_SNAPSHOT_GONE.*begin anew, without the checkpoint/);
    const again = await connection.open("0", batch?.position);
    await expect(again.read()).rejects.toThrow(/E_DGRAPH_SNAPSHOT_GONE/);
  });

it("under checkpoints it is read once, and a later run resolves at once", async () => {
  const graph = await freshGraph(url);
  await writeAll(url, graph, numbered(graph, 0, 25));
  const store = memoryCheckpoints();
  const run = async (): Promise<number> => {
    const seen = testSink<number>();
    await from(scanOf(graph))
      .to(seen)
      .run({ checkpoint: { every: "1h", store } });
    return seen.values.length;
  };
  expect(await run()).toBe(25);
  await writeAll(url, graph, numbered(graph, 25, 30));
  expect(await run()).toBe(0);
});
