import { describe, expect, it } from "vitest";
import type { DgraphWrite } from "../src/index.js";
import { contentsOf, type FreshGraph, freshGraph, type GraphNode } from "./fresh-graph.js";
import { target } from "./target.js";
import { type Given, writeAll } from "./writing.js";

const { url } = target;

/** Nodes by id, without their uids; edges as `id` with facets. */
async function nodesAfter(
  graph: FreshGraph,
  writes: readonly DgraphWrite[],
  given?: Given,
): Promise<Record<string, unknown>> {
  await writeAll(url, graph, writes, given);
  return Object.fromEntries(
    (await contentsOf(url, graph)).map(({ uid, id, ...rest }: GraphNode) => [String(id), rest]),
  );
}

describe("nodes", () => {
  it("have fields of every type, exactly", async () => {
    const graph = await freshGraph(url);
    const { name } = graph;
    const fields = {
      [name("text")]: "plain",
      [`${name("text")}@de`]: "_STAR_ALL",
      [name("number")]: 9_223_372_036_854_775_807n,
      [name("ratio")]: 0.1,
      [name("flag")]: false,
      [name("at")]: new Date("2024-02-29T12:34:56.789Z"),
      [name("place")]: { type: "Point", coordinates: [13.4, 52.5] },
      [name("tags")]: ["b", "a", "b"],
      [name("counts")]: [1, 2],
    };
    const nodes = await nodesAfter(graph, [{ kind: "set", id: "ada", types: ["Extra"], fields }]);
    expect(nodes).toEqual({
      ada: {
        text: "plain",
        "text@de": "_STAR_ALL",
        number: 9_223_372_036_854_775_807n,
        ratio: 0.1,
        flag: false,
        at: "2024-02-29T12:34:56.789Z",
        place: { type: "Point", coordinates: [13.4, 52.5] },
        tags: expect.arrayContaining(["a", "b"]),
        counts: expect.arrayContaining([1, 2]),
        "dgraph.type": expect.arrayContaining([graph.type, "Extra"]),
      },
    });
  });

  it("keep what is not written, lose what is null, and have lists replaced", async () => {
    const graph = await freshGraph(url);
    const { name } = graph;
    await writeAll(url, graph, [
      {
        kind: "set",
        id: "ada",
        fields: { [name("text")]: "x", [`${name("text")}@de`]: "y", [name("number")]: 1, [name("tags")]: ["a", "b"] },
      },
    ]);
    const fields = { [`${name("text")}@de`]: null, [name("number")]: undefined, [name("tags")]: ["c"] };
    expect(await nodesAfter(graph, [{ kind: "set", id: "ada", fields }])).toMatchObject({
      ada: { text: "x", number: 1, tags: ["c"] },
    });
    const emptied = await nodesAfter(graph, [
      { kind: "set", id: "ada", fields: { [name("text")]: null, [name("number")]: null, [name("tags")]: [] } },
    ]);
    expect(emptied).toEqual({ ada: { "dgraph.type": [graph.type] } });
  });

  it("stay as they are where they are inserted again", async () => {
    const graph = await freshGraph(url);
    const text = graph.name("text");
    const insert = (value: string): DgraphWrite => ({ kind: "insert", id: "ada", fields: { [text]: value } });
    expect(await nodesAfter(graph, [insert("first"), insert("second")])).toMatchObject({ ada: { text: "first" } });
    expect(await nodesAfter(graph, [insert("third")])).toMatchObject({ ada: { text: "first" } });
  });

  it("go, with the edges from them and to them, and can be made anew", async () => {
    const graph = await freshGraph(url);
    const friends = graph.name("friends");
    const edge = (from: string, to: string): DgraphWrite => ({ kind: "edge", from, predicate: friends, to });
    await writeAll(url, graph, [
      edge("a", "b"),
      edge("b", "c"),
      edge("a", "c"),
      { kind: "set", id: "b", fields: { [graph.name("text")]: "x" } },
    ]);
    const without = await nodesAfter(graph, [
      { kind: "delete", id: "b" },
      { kind: "delete", id: "nobody" },
    ]);
    expect(without).toEqual({
      a: { "dgraph.type": [graph.type], friends: [{ uid: expect.any(String), id: "c" }] },
      c: { "dgraph.type": [graph.type] },
    });
    const anew = await nodesAfter(graph, [{ kind: "delete", id: "a" }, edge("a", "b"), { kind: "delete", id: "c" }]);
    expect(anew).toEqual({
      a: { "dgraph.type": [graph.type], friends: [{ uid: expect.any(String), id: "b" }] },
      b: { "dgraph.type": [graph.type] },
    });
  });
});

describe("edges", () => {
  it("are added with facets, which the next write replaces, and taken away one by one", async () => {
    const graph = await freshGraph(url);
    const friends = graph.name("friends");
    const since = new Date("2020-01-01T00:00:00Z");
    const nodes = await nodesAfter(graph, [
      { kind: "edge", from: "a", predicate: friends, to: "b", facets: { weight: 1, old: true } },
      { kind: "edge", from: "a", predicate: friends, to: "c" },
      { kind: "edge", from: "a", predicate: friends, to: "d" },
      { kind: "edge", from: "a", predicate: friends, to: "b", facets: { weight: 0.5, since, note: '2024, "x") .' } },
      { kind: "deleteEdge", from: "a", predicate: friends, to: "d" },
      { kind: "deleteEdge", from: "a", predicate: friends, to: "nobody" },
    ]);
    expect(nodes.a).toEqual({
      "dgraph.type": [graph.type],
      friends: expect.arrayContaining([
        {
          uid: expect.any(String),
          id: "b",
          "friends|weight": 0.5,
          "friends|since": "2020-01-01T00:00:00Z",
          "friends|note": '2024, "x") .',
        },
        { uid: expect.any(String), id: "c" },
      ]),
    });
    expect((nodes.a as { friends: unknown[] }).friends).toHaveLength(2);
    // Taking an edge away makes no node.
    expect(Object.keys(nodes)).toEqual(["a", "b", "c", "d"]);
  });

  it("that are kept by a facet end the same in whatever order and batches they are written, and however often", async () => {
    const times = ["2021-05-05", "2020-01-01", "2023-03-03"];
    const kept = async (order: "smallest" | "largest", given: readonly string[], size: number): Promise<unknown> => {
      const graph = await freshGraph(url);
      const friends = graph.name("friends");
      const writes = given.map((day): DgraphWrite => {
        const facets = { since: new Date(day), weight: Number(day.slice(0, 4)) };
        const edge = { kind: "edge" as const, predicate: friends, facets };
        const keeps = order === "smallest" ? { smallest: "since" } : { largest: "since" };
        return day.endsWith("05") ? { ...edge, from: "b", to: "a", keeps } : { ...edge, from: "a", to: "b", keeps };
      });
      await writeAll(url, graph, writes, { batch: { size } });
      return (await contentsOf(url, graph)).map(({ id, friends: edges }) => [
        id,
        (edges as { "friends|since": string; "friends|weight": number }[]).map((edge) => [
          edge["friends|since"],
          edge["friends|weight"],
        ]),
      ]);
    };
    for (const [order, winner] of [
      ["smallest", "2020-01-01"],
      ["largest", "2023-03-03"],
    ] as const)
      for (const given of [times, [...times].reverse(), [...times, ...times]])
        for (const size of [1, 10])
          expect(await kept(order, given, size)).toEqual([
            ["a", [[`${winner}T00:00:00Z`, Number(winner.slice(0, 4))]]],
            ["b", [["2021-05-05T00:00:00Z", 2021]]],
          ]);
  });

  it("of a predicate that holds one take each other's place", async () => {
    const graph = await freshGraph(url);
    const boss = graph.name("boss");
    const set = (to: string): DgraphWrite => ({ kind: "edge", from: "a", predicate: boss, to });
    const cut = (to: string): DgraphWrite => ({ kind: "deleteEdge", from: "a", predicate: boss, to });
    const bossAfter = async (...writes: DgraphWrite[]): Promise<unknown> =>
      ((await nodesAfter(graph, writes)).a as { boss?: { id: string } }).boss?.id;
    expect(await bossAfter(set("b"), set("c"))).toBe("c");
    expect(await bossAfter(set("b"), cut("c"))).toBe("b");
    expect(await bossAfter(set("c"), cut("c"))).toBeUndefined();
    expect(await bossAfter(cut("b"), set("d"))).toBe("d");
  });
});

describe("versions", () => {
  it("let only newer writes through, in whatever order they come", async () => {
    const graph = await freshGraph(url);
    const { name } = graph;
    const given = { version: name("version") };
    const set = (version: number | bigint, fields: Record<string, string | number>): DgraphWrite => ({
      kind: "set",
      id: "ada",
      version,
      fields: Object.fromEntries(Object.entries(fields).map(([field, value]) => [name(field), value])),
    });
    expect(await nodesAfter(graph, [set(3, { text: "3" }), set(2, { text: "2", number: 2 })], given)).toMatchObject({
      ada: { text: "3", version: 3 },
    });
    // The fourth is older than what is there by then, the sixth is not; each sets other fields.
    const nodes = await nodesAfter(graph, [set(5, { number: 5 }), set(4, { text: "4" }), set(6, { ratio: 6 })], given);
    expect(nodes).toEqual({ ada: { "dgraph.type": [graph.type], text: "3", number: 5, ratio: 6, version: 6 } });
    const late = await nodesAfter(graph, [set(6, { text: "same" }), set(0, { text: "0" })], given);
    expect(late).toEqual(nodes);
    const large = await nodesAfter(
      graph,
      [set(2n ** 62n, { text: "large" }), set(2n ** 62n - 1n, { text: "x" })],
      given,
    );
    expect(large).toMatchObject({ ada: { text: "large", version: 2n ** 62n } });
  });

  it("outlive the node, so that an older write does not bring it back", async () => {
    const graph = await freshGraph(url);
    const given = { version: graph.name("version") };
    const set = (version: number): DgraphWrite => ({
      kind: "set",
      id: "a",
      version,
      fields: { [graph.name("text")]: "x" },
    });
    expect(await nodesAfter(graph, [set(1), { kind: "delete", id: "a", version: 5 }, set(4)], given)).toEqual({
      a: { version: 5 },
    });
    expect(await nodesAfter(graph, [set(3)], given)).toEqual({ a: { version: 5 } });
    expect(await nodesAfter(graph, [set(6)], given)).toMatchObject({ a: { text: "x", version: 6 } });
  });
});
