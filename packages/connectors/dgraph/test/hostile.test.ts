import { from } from "@millrace/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type DgraphRow, type DgraphWrite, dgraphLookup, dgraphQueries, dql, dqlUid } from "../src/index.js";
import { contentsOf, freshGraph } from "./fresh-graph.js";
import { target } from "./target.js";
import { writeAll } from "./writing.js";

const { url } = target;

/** What has a meaning in N-Quads, in queries, in JSON, and anything else that UTF-8 can say. */
const hostile = fc.oneof(
  fc.constantFrom(
    "_STAR_ALL",
    "*",
    "uid(u0)",
    '" .\n<0x1> <dgraph.type> "Admin',
    '"^^<xs:int>',
    "\\",
    '\\"',
    "\\u0041",
    "$x0",
    "$k0",
    "null",
    "# not a comment",
    '") { uid } all(func: has(x',
    "@if(eq(len(u0), 0))",
    "e\u0301",
    "\u0000",
  ),
  fc.string({ unit: "binary", minLength: 1 }),
  fc.string({ unit: "grapheme", minLength: 1 }),
);
/** `_STAR_ALL`, too, is only text. */
const row = fc.record({ id: hostile, text: hostile, tag: hostile, note: hostile, german: hostile });

it("any text goes in and comes out as it is: ids, fields, lists, languages, facets, keys of lookups", async () => {
  const graph = await freshGraph(url);
  const { name } = graph;
  const lookup = dgraphLookup<string>({
    url,
    by: graph.xid,
    select: [
      graph.xid,
      name("text"),
      `${name("text")}@de`,
      name("tags"),
      { edge: name("friends"), facets: true, select: [graph.xid] },
    ],
  });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(row, { selector: ({ id }) => id, minLength: 1, maxLength: 20 }), async (rows) => {
      const writes = rows.map(
        ({ id, text, tag, note, german }): DgraphWrite => ({
          kind: "set",
          id,
          fields: { [name("text")]: text, [`${name("text")}@de`]: german, [name("tags")]: [tag] },
          edges: [{ predicate: name("friends"), to: id, facets: { note } }],
        }),
      );
      await writeAll(url, graph, writes);
      const found = await from(rows.map(({ id }) => id))
        .lookup(
          (id) => id,
          lookup,
          (_id, node: DgraphRow | undefined) => node,
        )
        .collect();
      expect(
        found.map((node) => [
          node?.[graph.xid],
          node?.[name("text")],
          node?.[`${name("text")}@de`],
          node?.[name("tags")],
        ]),
      ).toEqual(rows.map(({ id, text, german, tag }) => [id, text, german, [tag]]));
      expect(
        found.map((node) =>
          (node?.[name("friends")] as DgraphRow[] | undefined)?.map((friend) => [
            friend[graph.xid],
            friend[`${name("friends")}|note`],
          ]),
        ),
      ).toEqual(rows.map(({ id, note }) => [[id, note]]));
    }),
    { numRuns: 25, seed: 11 },
  );
  expect(new Set((await contentsOf(url, graph)).map(({ id }) => id)).size).toBe((await contentsOf(url, graph)).length);
}, 60_000);

it("a query's values are never part of it", async () => {
  const graph = await freshGraph(url);
  const { name } = graph;
  await writeAll(url, graph, [
    { kind: "set", id: "secret", fields: { [name("text")]: "hidden", [name("number")]: 2n ** 60n } },
    { kind: "set", id: '") { uid } everything(func: has(x', fields: { [name("text")]: "found", [name("number")]: 7 } },
  ]);
  const queries = await dgraphQueries({ url });
  try {
    // Predicates are the application's own text; here they differ from test to test.
    const ask = (value: string | bigint, by: string, type: string): Promise<Readonly<Record<string, unknown>>> => {
      const template = Object.assign([`{ found(func: eq(${name(by)}, `, `)) { ${name(type)} } }`], { raw: [] });
      return queries.ask(dql(template as unknown as TemplateStringsArray, value));
    };
    expect(await ask('") { uid } everything(func: has(x', "id", "text")).toEqual({
      found: [{ [name("text")]: "found" }],
    });
    expect(await ask(`secret")) { uid } everything(func: has(${name("text")}`, "id", "text")).toEqual({ found: [] });
    expect(await ask(2n ** 60n, "number", "number")).toEqual({ found: [{ [name("number")]: 2n ** 60n }] });
    expect(await queries.ask(dql`{ node(func: uid(${dqlUid("0x1")})) { uid } }`)).toEqual({ node: [{ uid: "0x1" }] });
    await expect(queries.ask("{ all(func: has(x)) { uid } }" as never)).rejects.toThrow("E_ARGUMENT");
  } finally {
    queries.close();
  }
});
