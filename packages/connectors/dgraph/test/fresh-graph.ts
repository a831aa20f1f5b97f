import { from } from "@millrace/core";
import { type DgraphPredicate, dgraphSource, ensureSchema } from "../src/index.js";

let made = 0;

/** Names that no other test, process or earlier run has: one Dgraph has one schema and one graph. */
export interface FreshGraph {
  readonly xid: string;
  readonly type: string;
  /** A predicate of this graph by its short name. */
  name(short: string): string;
}

const PREDICATES: Readonly<Record<string, DgraphPredicate>> = {
  id: { type: "string", index: ["exact"], upsert: true },
  text: { type: "string", lang: true, index: ["exact"] },
  number: { type: "int", index: ["int"] },
  ratio: { type: "float" },
  flag: { type: "bool" },
  at: { type: "datetime" },
  place: { type: "geo" },
  tags: { type: "[string]" },
  counts: { type: "[int]" },
  version: { type: "int" },
  friends: { type: "[uid]", reverse: true, count: true },
  boss: { type: "uid", reverse: true },
};

/** Declares a graph of its own. */
export async function freshGraph(url: string): Promise<FreshGraph> {
  made++;
  const mark = `t${process.pid.toString(36)}${Date.now().toString(36)}n${made}`;
  const name = (short: string): string => `${mark}.${short}`;
  const type = `T${mark}`;
  await ensureSchema(
    { url },
    {
      predicates: Object.fromEntries(Object.entries(PREDICATES).map(([short, predicate]) => [name(short), predicate])),
      types: { [type]: Object.keys(PREDICATES).map(name) },
    },
  );
  return { xid: name("id"), type, name };
}

export interface GraphNode {
  readonly uid: string;
  readonly [predicate: string]: unknown;
}

/** All nodes with an external id, with all of their fields (by short name) and edges (as `id`s with facets), ordered by id. */
export async function contentsOf(url: string, graph: FreshGraph): Promise<readonly GraphNode[]> {
  const plain = ["id", "text", "number", "ratio", "flag", "at", "place", "tags", "counts", "version"].map(graph.name);
  const edges = ["friends", "boss"].map((edge) => ({
    edge: graph.name(edge),
    facets: true,
    first: 100_000,
    select: [graph.xid],
  }));
  const nodes = await from(
    dgraphSource({
      url,
      nodes: { has: graph.xid },
      select: [...plain, `${graph.name("text")}@de`, "dgraph.type", ...edges],
      decode: (node) => shortened(node, graph) as GraphNode,
    }),
  ).collect();
  return nodes.sort((left, right) => (String(left.id) < String(right.id) ? -1 : 1));
}

/** Replaces the graph's long names by the short ones. */
function shortened(value: unknown, graph: FreshGraph): unknown {
  if (Array.isArray(value)) return value.map((each) => shortened(each, graph));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key.replace(graph.name(""), ""), shortened(each, graph)]),
  );
}
