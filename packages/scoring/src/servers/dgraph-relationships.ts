import { from, type Sink } from "@millrace/core";
import { type DgraphConnection, dgraphSink, dgraphSource, ensureSchema } from "@millrace/dgraph";
import { RELATION_WEIGHTS, RELATIONS, type Relation, type Relationship } from "../ports/relationship.js";

/** More edges of one node and kind than any citizen has. */
const MAX_EDGES = 100_000;

/**
 * Dgraph has one graph for all: predicates carry the namespace. The external id is the pseudonym, never the nationalID; it is unique by
 * `@upsert`, and not `@unique` as well, which Dgraph checks by a query that it puts the value into as it is.
 */
interface GraphNames {
  readonly xid: string;
  readonly type: string;
  readonly edge: (relation: Relation) => string;
}

function graphNames(namespace: string): GraphNames {
  return {
    xid: `${namespace}.citizenID`,
    type: `${namespace}.CitizenNode`,
    edge: (relation) => `${namespace}.${relation}`,
  };
}

/** Makes the predicates and the type of a citizen where they are not there. */
export async function ensureGraph(connection: DgraphConnection, namespace: string): Promise<void> {
  const { xid, type, edge } = graphNames(namespace);
  const edges = RELATIONS.map((relation) => [edge(relation), { type: "[uid]", reverse: true, count: true }] as const);
  await ensureSchema(connection, {
    predicates: { [xid]: { type: "string", index: ["exact"], upsert: true }, ...Object.fromEntries(edges) },
    types: { [type]: [xid, ...RELATIONS.map(edge)] },
  });
}

/** Upserts of edges and of the citizens at their ends. Whichever event comes first, an edge is as old as the earliest. */
export function relationshipSink(connection: DgraphConnection, namespace: string): Sink<Relationship> {
  const { xid, type, edge } = graphNames(namespace);
  return dgraphSink<Relationship>({
    ...connection,
    xid,
    type,
    name: "relationships",
    write: ({ citizenID, relation, other, since }) => ({
      kind: "edge",
      from: citizenID,
      predicate: edge(relation),
      to: other,
      facets: { since: new Date(since), weight: RELATION_WEIGHTS[relation] },
      keeps: { smallest: "since" },
    }),
  });
}

/** All edges, as of one moment. */
export async function* relationshipRows(connection: DgraphConnection, namespace: string): AsyncGenerator<Relationship> {
  const { xid, type, edge } = graphNames(namespace);
  const source = dgraphSource<Relationship[]>({
    ...connection,
    nodes: { type },
    select: [
      xid,
      ...RELATIONS.map((relation) => ({ edge: edge(relation), select: [xid], facets: true, first: MAX_EDGES })),
    ],
    decode: (node) =>
      RELATIONS.flatMap((relation) =>
        ((node[edge(relation)] ?? []) as readonly Record<string, unknown>[]).map((other) => ({
          citizenID: String(node[xid]),
          relation,
          other: String(other[xid]),
          since: Date.parse(String(other[`${edge(relation)}|since`])),
        })),
      ),
  });
  for await (const edges of from(source)) yield* edges;
}
