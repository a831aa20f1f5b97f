import fc from "fast-check";
import { expect, it } from "vitest";
import type { DgraphWrite } from "../src/index.js";
import { contentsOf, type FreshGraph, freshGraph } from "./fresh-graph.js";
import { target } from "./target.js";
import { type Given, writeAll } from "./writing.js";

const { url } = target;
const ids = fc.constantFrom("a", "b", "c", "d");

function writesOn({ name }: FreshGraph, versioned: boolean): fc.Arbitrary<DgraphWrite> {
  const fields = fc.dictionary(
    fc.constantFrom(name("text"), `${name("text")}@de`, name("number"), name("tags")),
    fc.constant(undefined),
    { maxKeys: 3 },
  );
  const valued = fc.tuple(fields, fc.integer({ min: 0, max: 9 })).map(([given, n]) =>
    Object.fromEntries(
      Object.keys(given).map((field) => {
        if (n === 0) return [field, null];
        return [field, field === name("number") ? n : field === name("tags") ? [`t${n}`, "t"] : `v${n}`];
      }),
    ),
  );
  const version = versioned ? { version: fc.integer({ min: 0, max: 8 }) } : {};
  const predicate = fc.constantFrom(name("friends"), name("boss"));
  const facets = fc.option(fc.record({ w: fc.integer({ min: 0, max: 3 }) }), { nil: undefined });
  const edges = fc.array(fc.record({ predicate, to: ids }), { maxLength: 1 });
  const set = fc.record({ kind: fc.constant("set" as const), id: ids, fields: valued, edges, ...version });
  const edge = fc
    .record({ kind: fc.constant("edge" as const), from: ids, predicate, to: ids, facets })
    .map(({ facets: given, ...rest }) => (given === undefined ? rest : { ...rest, facets: given }));
  const ranked = fc
    .record({ from: ids, to: ids, w: fc.integer({ min: 0, max: 3 }), smallest: fc.boolean() })
    .map(({ from, to, w, smallest }) => ({
      ...{ kind: "edge" as const, from, predicate: name("friends"), to, facets: { w, n: "ranked" } },
      keeps: smallest ? { smallest: "w" } : { largest: "w" },
    }));
  const cut = fc.record({ kind: fc.constant("deleteEdge" as const), from: ids, predicate, to: ids });
  const gone = fc.record({ kind: fc.constant("delete" as const), id: ids, ...version });
  const insert = fc.record({ kind: fc.constant("insert" as const), id: ids, fields: valued });
  const any = versioned
    ? fc.oneof(set, set, gone, edge, ranked)
    : fc.oneof(set, edge, ranked, ranked, cut, gone, insert);
  return any as fc.Arbitrary<DgraphWrite>;
}

/** What is there, without what two graphs can not have in common. */
async function comparable(graph: FreshGraph): Promise<unknown> {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value))
      return value.map(plain).sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
    if (typeof value !== "object" || value === null) return value === graph.type ? "its type" : value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => key !== "uid")
        .map(([key, each]) => [key, plain(each)]),
    );
  };
  return plain(await contentsOf(url, graph));
}

const commits = (): number => target.standIn?.faults.calls.get("commitOrAbort") ?? 0;

/** Found by the property once, and always looked at since. */
const FOUND: Readonly<Record<"plain" | "versioned", readonly (readonly DgraphWrite[])[]>> = {
  plain: [
    [
      { kind: "edge", from: "a", predicate: "friends", to: "c" },
      { kind: "insert", id: "c", fields: { text: "not made anew" } },
    ],
    [
      { kind: "edge", from: "a", predicate: "friends", to: "b" },
      { kind: "deleteEdge", from: "a", predicate: "friends", to: "b" },
    ],
    [
      { kind: "edge", from: "a", predicate: "boss", to: "b" },
      { kind: "deleteEdge", from: "a", predicate: "boss", to: "c" },
    ],
    [
      { kind: "edge", from: "a", predicate: "friends", to: "b", facets: { w: 2 } },
      { kind: "edge", from: "a", predicate: "friends", to: "b", facets: { w: 3 }, keeps: { smallest: "w" } },
    ],
    [
      { kind: "edge", from: "a", predicate: "friends", to: "b", facets: { w: 1 }, keeps: { smallest: "w" } },
      { kind: "edge", from: "a", predicate: "friends", to: "b", facets: { w: 5 } },
    ],
  ],
  versioned: [
    [
      { kind: "delete", id: "a", version: 0 },
      { kind: "edge", from: "d", predicate: "friends", to: "a" },
      { kind: "set", id: "a", fields: {}, version: 0 },
    ],
  ],
};

for (const versioned of [false, true])
  it(`one transaction for all leaves what one for each does${versioned ? ", with versions" : ""}`, async () => {
    const [together, alone, twice] = [await freshGraph(url), await freshGraph(url), await freshGraph(url)];
    const given = (graph: FreshGraph): Given => (versioned ? { version: graph.name("version") } : {});
    const retold = (writes: readonly DgraphWrite[], graph: FreshGraph): DgraphWrite[] =>
      JSON.parse(JSON.stringify(writes).replaceAll(together.name(""), graph.name("")));
    const compare = async (writes: readonly DgraphWrite[]): Promise<void> => {
      for (const graph of [together, alone, twice])
        await writeAll(
          url,
          graph,
          ["a", "b", "c", "d"].map((id) => ({ kind: "delete", id })),
        );
      const before = commits();
      await writeAll(url, together, writes, given(together));
      // Nothing was refused and tried in halves.
      if (target.standIn !== undefined) expect(commits() - before).toBe(writes.length === 0 ? 0 : 1);
      await writeAll(url, alone, retold(writes, alone), { ...given(alone), batch: { size: 1 } });
      const wanted = await comparable(alone);
      expect(await comparable(together)).toEqual(wanted);
      if (versioned) return;
      await writeAll(url, twice, retold(writes, twice), { batch: { size: 5 } });
      expect(await comparable(twice)).toEqual(wanted);
    };
    for (const writes of FOUND[versioned ? "versioned" : "plain"])
      await compare(JSON.parse(JSON.stringify(writes).replace(/"(friends|boss|text)"/g, `"${together.name("$1")}"`)));
    await fc.assert(
      fc.asyncProperty(fc.array(writesOn(together, versioned), { maxLength: 12 }), (writes) => compare(writes)),
      { numRuns: Number(process.env.DGRAPH_RUNS ?? 12), seed: Number(process.env.DGRAPH_SEED ?? 7) },
    );
  }, 60_000);
