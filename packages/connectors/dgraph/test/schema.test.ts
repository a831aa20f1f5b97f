import { from } from "@millrace/core";
import { expect, it } from "vitest";
import { type DgraphSchema, dgraphSource, ensureSchema } from "../src/index.js";
import { freshGraph } from "./fresh-graph.js";
import { target } from "./target.js";
import { writeAll } from "./writing.js";

const { url, standIn } = target;

it("is made once, and what is there stays", async () => {
  const graph = await freshGraph(url);
  const name = `${graph.name("extra")}`;
  const alters = (): number => standIn?.faults.calls.get("alter") ?? 0;
  const before = alters();
  const schema: DgraphSchema = {
    predicates: { [name]: { type: "string", index: ["term", "exact"], upsert: true, lang: true } },
    types: { [`${graph.type}X`]: [name] },
  };
  expect(await ensureSchema({ url }, schema)).toBe(true);
  expect(await ensureSchema({ url }, schema)).toBe(false);
  // Another part of the application declares less: it takes nothing away.
  expect(await ensureSchema({ url }, { predicates: { [name]: { type: "string" } } })).toBe(false);
  expect(await ensureSchema({ url }, { predicates: { [name]: { type: "string", index: ["hash"] } } })).toBe(true);
  expect(await ensureSchema({ url }, schema)).toBe(false);
  if (standIn !== undefined) expect(alters() - before).toBe(2);
  // Fields of a type are added.
  expect(await ensureSchema({ url }, { types: { [`${graph.type}X`]: [graph.xid] } })).toBe(true);
  expect(await ensureSchema({ url }, { types: { [`${graph.type}X`]: [name, graph.xid] } })).toBe(false);
});

it("does not change a predicate's type, and takes only names", async () => {
  const graph = await freshGraph(url);
  await expect(ensureSchema({ url }, { predicates: { [graph.name("number")]: { type: "string" } } })).rejects.toThrow(
    /E_DGRAPH_SCHEMA.*is int in this Dgraph, not string/,
  );
  await expect(ensureSchema({ url }, { predicates: { [graph.name("friends")]: { type: "uid" } } })).rejects.toThrow(
    /is \[uid\] in this Dgraph/,
  );
  for (const predicates of [
    { "a: int .\nb": { type: "int" } },
    { "dgraph.type": { type: "string" } },
    { a: { type: "int . b: int" } },
    { a: { type: "[int" } },
    { a: { type: "string", index: ["exact) @upsert"] } },
    { a: { type: "string", upsert: true } },
    { a: { type: "int", reverse: true } },
  ] as unknown as NonNullable<DgraphSchema["predicates"]>[])
    await expect(ensureSchema({ url }, { predicates })).rejects.toThrow("E_ARGUMENT");
  await expect(ensureSchema({ url }, { types: { "T {": [] } })).rejects.toThrow("E_ARGUMENT");
  await expect(ensureSchema({ url }, { types: { T: ["a }"] } })).rejects.toThrow("E_ARGUMENT");
});

it("can be given a reverse index later", async () => {
  const graph = await freshGraph(url);
  const knows = graph.name("knows");
  await ensureSchema({ url }, { predicates: { [knows]: { type: "[uid]" } } });
  await writeAll(url, graph, [{ kind: "edge", from: "a", predicate: knows, to: "b" }]);
  expect(await ensureSchema({ url }, { predicates: { [knows]: { type: "[uid]", reverse: true } } })).toBe(true);
  const found = await from(
    dgraphSource({
      url,
      nodes: { has: `${graph.xid}` },
      select: [graph.xid, { edge: `~${knows}`, select: [graph.xid] }],
      decode: (node) => [node[graph.xid], node[`~${knows}`]],
    }),
  ).collect();
  expect(found).toEqual(expect.arrayContaining([["b", [{ uid: expect.any(String), [graph.xid]: "a" }]]]));
});
