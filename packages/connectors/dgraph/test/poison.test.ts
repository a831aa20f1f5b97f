import { type DeadLetter, from } from "@millrace/core";
import { testSink } from "@millrace/core/testing";
import { expect, it } from "vitest";
import { type DgraphValue, type DgraphWrite, dgraphSink, dgraphSource, ensureSchema } from "../src/index.js";
import { contentsOf, freshGraph } from "./fresh-graph.js";
import { target } from "./target.js";
import { type Given, writeSink } from "./writing.js";

const { url } = target;

/** Writes good values around bad ones; the dead letters' messages, by the id of the value. */
async function lettersOf(
  bad: (name: (short: string) => string) => readonly DgraphWrite[],
  given: Given = {},
): Promise<string[]> {
  const graph = await freshGraph(url);
  const good = (id: string): DgraphWrite => ({ kind: "set", id, fields: { [graph.name("number")]: 1 } });
  const writes = bad(graph.name);
  const mixed = writes.flatMap((write, i) => [good(`good ${i}`), write, good(`also good ${i}`)]);
  const dead = testSink<DeadLetter<DgraphWrite>>();
  await from(mixed)
    .to(writeSink(url, graph, { batch: { size: 50 }, ...given }), { onError: dead })
    .run();
  expect(dead.values.map(({ value }) => value)).toEqual(writes);
  for (const { error } of dead.values) expect(error.class).toBe("poison");
  expect((await contentsOf(url, graph)).map(({ id }) => id)).toEqual(
    writes.flatMap((_, i) => [`good ${i}`, `also good ${i}`]).sort(),
  );
  return dead.values.map(({ error }) => `${error.code}: ${error.message.replaceAll(graph.name(""), "")}`);
}

const set = (id: string, fields: Record<string, DgraphValue>): DgraphWrite => ({ kind: "set", id, fields });

it("what can not be written is named, with its node and field, and goes to dead letters; the rest is written", async () => {
  const messages = await lettersOf((name) => [
    set("1", { [name("number")]: "not a number" }),
    set("2", { [name("text")]: "half \ud800" }),
    set("", { [name("number")]: 1 }),
    set("\udc00", {}),
    set("5", { unheard: 1 }),
    set("6", { [name("id")]: "other" }),
    set("7", { [name("friends")]: "x" }),
    set("8", { [name("tags")]: "x" }),
    set("9", { [name("text")]: ["x"] }),
    set("10", { [`${name("number")}@de`]: 1 }),
    set("11", { [`${name("text")}@d e`]: "x" }),
    set("12", { "dgraph.type": "Admin" }),
    { kind: "edge", from: "13", predicate: name("text"), to: "x" },
    { kind: "edge", from: "14", predicate: name("friends"), to: "" },
    { kind: "edge", from: "15", predicate: name("friends"), to: "x", facets: { "a=1, b": 1 } },
    { kind: "set", id: "16", version: 1 },
    { kind: "set", id: "17", types: ["a> ."] },
    { kind: "nothing" } as unknown as DgraphWrite,
    set("19", { [name("number")]: 2 ** 60 }),
    set("x".repeat(40_000), {}),
    { kind: "edge", from: "21", predicate: name("friends"), to: "x", facets: { w: 1 }, keeps: { smallest: "v" } },
    { kind: "edge", from: "22", predicate: name("friends"), to: "x", facets: { w: "1" }, keeps: { largest: "w" } },
    { kind: "edge", from: "23", predicate: name("friends"), to: "x", facets: { "w.x": 1 }, keeps: { largest: "w.x" } },
    { kind: "edge", from: "24", predicate: name("boss"), to: "x", facets: { w: 1 }, keeps: { largest: "w" } },
  ]);
  const wanted = [
    /node "1", field "number": it must be a whole number/,
    /node "2", field "text": .*surrogate/,
    /id must be a string that is not empty; it is ""/,
    /id .* surrogate/,
    /node "5", field "unheard": the schema has no such predicate/,
    /node "6", field "id": the sink writes this one itself/,
    /node "7", field "friends": the predicate holds edges/,
    /node "8", field "tags": the predicate is a list/,
    /node "9", field "text": it is a list, and the predicate is none/,
    /node "10", field "number@de": the predicate has no @lang/,
    /node "11", field "text@d e": "d e" is no language tag/,
    /node "12", field "dgraph.type": the schema has no such predicate/,
    /node "13", edge "text": the predicate is of type string/,
    /node "14", edge "friends": to must be a string that is not empty/,
    /node "15", edge "friends": "a=1, b" can not be the name of a facet/,
    /node "16" has a version, but the sink has no `version` predicate/,
    /node "17": "a> \." can not be the name of a type/,
    /must be set, insert, edge, deleteEdge or delete/,
    /node "19", field "number": .*exact/,
    /id is longer than 32768 bytes/,
    /node "21", edge "friends": `keeps` must name a facet of the edge that is a number.*; "v" is undefined/,
    /node "22", edge "friends": `keeps` must name a facet .*; "w" is "1"/,
    /node "23", edge "friends": `keeps` must name a facet .*; "w\.x" is 1/,
    /node "24", edge "boss": the predicate holds one edge/,
  ];
  expect(messages).toHaveLength(wanted.length);
  for (const [i, message] of messages.entries()) expect(message).toMatch(wanted[i] as RegExp);
  for (const message of messages) expect(message).toMatch(/^E_DGRAPH_VALUE: /);
});

it("what the server refuses is found by halving, and named", async () => {
  const messages = await lettersOf((name) => [
    set("flat", { [name("place")]: { type: "Point", coordinates: "here" as never } }),
    set("none", { [name("place")]: { type: 5, coordinates: [1] } as never }),
  ]);
  expect(messages).toEqual([
    expect.stringMatching(/^E_DGRAPH_REFUSED: node "flat": Dgraph refused: .*geo/),
    expect.stringMatching(/^E_DGRAPH_REFUSED: node "none": Dgraph refused: .*geo/),
  ]);
});

it("only predicates that the sink may write are written", async () => {
  const graph = await freshGraph(url);
  const dead = testSink<DeadLetter<DgraphWrite>>();
  const { name } = graph;
  await from([set("a", { [name("number")]: 1 }), set("b", { [name("text")]: "x" })])
    .to(writeSink(url, graph, { predicates: [name("number")] }), { onError: dead })
    .run();
  expect(dead.values.map(({ error }) => error.message)).toEqual([
    expect.stringContaining("not among the `predicates`"),
  ]);
});

it("text that Dgraph would take for a part of its own query, in a @unique predicate, is not sent", async () => {
  const graph = await freshGraph(url);
  const id = graph.name("unique");
  await ensureSchema(
    { url },
    { predicates: { [id]: { type: "string", index: ["exact"], upsert: true, unique: true } } },
  );
  const dead = testSink<DeadLetter<DgraphWrite>>();
  const hostile = ['"', "\\", "\n", '")) { uid } all(func: has(x'];
  await from(["plain", ...hostile, "it's fine"].map((text) => set(text, {})))
    .to(dgraphSink<DgraphWrite>({ url, xid: id, write: (write) => write }), { onError: dead })
    .run();
  expect(dead.values.map(({ value }) => (value as { id: string }).id)).toEqual(hostile);
  for (const { error } of dead.values) expect(error.message).toMatch(/@unique.*unescaped/);
  const ids = await from(dgraphSource({ url, nodes: { has: id }, select: [id], decode: (node) => node[id] })).collect();
  expect(ids.sort()).toEqual(["it's fine", "plain"]);
});

it("without a target for it, the run fails and names the value", async () => {
  const graph = await freshGraph(url);
  await expect(
    from([set("ada", { [graph.name("number")]: 1.5 })])
      .to(writeSink(url, graph))
      .run(),
  ).rejects.toThrow(/E_DGRAPH_VALUE: node "ada", field .*number/);
});
