import { from } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import { expect, it, onTestFinished } from "vitest";
import { type DgraphLookupOptions, type DgraphRow, dgraphLookup } from "../src/index.js";
import { type FreshGraph, freshGraph } from "./fresh-graph.js";
import { target } from "./target.js";
import { writeAll } from "./writing.js";

const { url, standIn } = target;

async function lookupOf<V = DgraphRow>(
  graph: FreshGraph,
  given: Partial<DgraphLookupOptions<V>> = {},
): Promise<ReturnType<typeof dgraphLookup<string | number | bigint, V>>> {
  const lookup = dgraphLookup<string | number | bigint, V>({
    url,
    by: graph.xid,
    select: [graph.name("number")],
    ...given,
  } as DgraphLookupOptions<V>);
  await lookup.connect?.(testContext());
  onTestFinished(() => lookup.close?.());
  return lookup;
}

const context = { signal: new AbortController().signal, attempt: 1 };

it("finds many keys by few queries, and leaves out those that are not there", async () => {
  const graph = await freshGraph(url);
  await writeAll(
    url,
    graph,
    Array.from({ length: 250 }, (_, i) => ({ kind: "set", id: `n${i}`, fields: { [graph.name("number")]: i } })),
  );
  const lookup = await lookupOf<number>(graph, { value: (node) => node[graph.name("number")] as number });
  const before = standIn?.faults.calls.get("query") ?? 0;
  const found = await lookup.fetch([...Array.from({ length: 250 }, (_, i) => `n${i}`), "nobody"], context);
  expect(found).toEqual(new Map(Array.from({ length: 250 }, (_, i) => [`n${i}`, i])));
  if (standIn !== undefined) expect((standIn.faults.calls.get("query") ?? 0) - before).toBe(3);
  expect(await lookup.fetch([], context)).toEqual(new Map());
  expect(await lookup.health?.()).toMatchObject({ status: "up" });
});

it("takes numbers for keys where the predicate holds such", async () => {
  const graph = await freshGraph(url);
  await writeAll(url, graph, [
    { kind: "set", id: "a", fields: { [graph.name("number")]: 2n ** 60n } },
    { kind: "set", id: "b", fields: { [graph.name("number")]: -5 } },
  ]);
  const lookup = await lookupOf<string>(graph, {
    by: graph.name("number"),
    select: [graph.xid],
    value: (node) => String(node[graph.xid]),
  });
  expect(await lookup.fetch([2n ** 60n, -5, 3], context)).toEqual(
    new Map<number | bigint, string>([
      [2n ** 60n, "a"],
      [-5, "b"],
    ]),
  );
});

it("two nodes of one key, and too many edges, are errors; a key that no query can say is none of ours", async () => {
  const graph = await freshGraph(url);
  const { name } = graph;
  await writeAll(url, graph, [
    {
      kind: "set",
      id: "a",
      fields: { [name("text")]: "same" },
      edges: [
        { predicate: name("friends"), to: "b" },
        { predicate: name("friends"), to: "c" },
      ],
    },
    { kind: "set", id: "b", fields: { [name("text")]: "same" } },
  ]);
  const byText = await lookupOf(graph, { by: name("text") });
  await expect(byText.fetch(["same"], context)).rejects.toMatchObject({ class: "poison", code: "E_DGRAPH_DUPLICATE" });
  const few = await lookupOf(graph, { select: [{ edge: name("friends"), first: 1, select: [] }] });
  await expect(few.fetch(["a"], context)).rejects.toMatchObject({ class: "poison", code: "E_DGRAPH_EDGES" });
  await expect(few.fetch(["\ud800"], context)).rejects.toThrow("E_ARGUMENT");
});

it("looks up in a topology, against an edge's direction too", async () => {
  const graph = await freshGraph(url);
  await writeAll(url, graph, [{ kind: "edge", from: "ada", predicate: graph.name("boss"), to: "bob" }]);
  const lookup = dgraphLookup<string>({
    url,
    by: graph.xid,
    select: [{ edge: `~${graph.name("boss")}`, select: [graph.xid] }],
  });
  const found = await from(["bob", "ada", "eve"])
    .lookup(
      (id) => id,
      lookup,
      (id, node) => [id, (node?.[`~${graph.name("boss")}`] as DgraphRow[] | undefined)?.map((each) => each[graph.xid])],
    )
    .collect();
  expect(found).toEqual([
    ["bob", ["ada"]],
    ["ada", undefined],
    ["eve", undefined],
  ]);
});

it("is not there before it is connected", async () => {
  await expect(dgraphLookup({ url, by: "x", select: [] }).fetch(["a"], context)).rejects.toThrow(/not connected/);
});
