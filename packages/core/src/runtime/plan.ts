import {
  type Edge,
  type Graph,
  inputsOf,
  type OperatorVertex,
  outputsOf,
  type SinkVertex,
  type SourceVertex,
  type Vertex,
} from "../graph/graph.js";
import { ERROR, LATE, MAIN } from "../stage.js";

/** Which operators run in one chain, and which edges are channels between chains, sources and sinks. */
export interface Plan {
  readonly graph: Graph;
  readonly sources: readonly SourceVertex[];
  readonly sinks: readonly SinkVertex[];
  readonly chains: readonly (readonly OperatorVertex[])[];
  readonly channels: readonly Edge[];
  /** Sources whose values' origins somebody below reads. */
  readonly withOrigins: ReadonlySet<string>;
  /** Vertices at or below which ids are read. */
  readonly idReaders: ReadonlySet<string>;
  /** The source above each event-time operator. */
  readonly timedSource: ReadonlyMap<string, string>;
}

/** Cuts the graph into chains: at async operators, merges, fan-outs, splits, side outputs and sinks. */
export function planGraph(graph: Graph): Plan {
  const byId = new Map(graph.vertices.map((vertex) => [vertex.id, vertex]));
  const chains: OperatorVertex[][] = [];
  const chainOf = new Map<string, OperatorVertex[]>();
  const inside = new Set<Edge>();
  for (const vertex of graph.vertices) {
    if (vertex.type !== "operator") continue;
    const edge = followed(graph, byId, vertex);
    const chain = edge === undefined ? [] : (chainOf.get(edge.from) as OperatorVertex[]);
    if (edge === undefined) chains.push(chain);
    else inside.add(edge);
    chain.push(vertex);
    chainOf.set(vertex.id, chain);
  }
  const sources = graph.vertices.filter((vertex) => vertex.type === "source");
  const idReaders = findIdReaders(graph, byId);
  return {
    graph,
    sources,
    sinks: graph.vertices.filter((vertex) => vertex.type === "sink"),
    chains,
    channels: graph.edges.filter((edge) => !inside.has(edge)),
    withOrigins: new Set(sources.filter(({ id }) => idReaders.has(id)).map(({ id }) => id)),
    idReaders,
    timedSource: findTimedSources(graph, byId),
  };
}

/** The edge by which a vertex goes on in the chain above it; undefined: it begins one. */
function followed(graph: Graph, byId: ReadonlyMap<string, Vertex>, vertex: OperatorVertex): Edge | undefined {
  if (vertex.spec.async === true) return undefined;
  const inputs = inputsOf(graph, vertex.id);
  const edge = inputs[0];
  if (inputs.length !== 1 || edge === undefined || edge.output !== MAIN || byId.get(edge.from)?.type !== "operator")
    return undefined;
  // Below a split each branch is a chain of its own, so that one can end without the others.
  return outputsOf(graph, edge.from).filter(({ output }) => output !== LATE && output !== ERROR).length === 1
    ? edge
    : undefined;
}

/** From the end of the graph upwards: at or below which vertices ids are read. */
function findIdReaders(graph: Graph, byId: ReadonlyMap<string, Vertex>): Set<string> {
  const wanted = new Set<string>();
  for (const vertex of [...graph.vertices].reverse()) {
    const below = outputsOf(graph, vertex.id);
    const reads =
      vertex.type === "sink"
        ? vertex.sink.metadata !== false
        : vertex.type === "operator" && vertex.spec.reads?.origins === true;
    if (reads || below.some((edge) => edge.output === ERROR || wanted.has((byId.get(edge.to) as Vertex).id)))
      wanted.add(vertex.id);
  }
  return wanted;
}

function findTimedSources(graph: Graph, byId: ReadonlyMap<string, Vertex>): Map<string, string> {
  const found = new Map<string, string>();
  for (const vertex of graph.vertices) {
    if (vertex.type !== "operator" || vertex.spec.eventTime !== "assigns") continue;
    let at: Vertex = vertex;
    while (at.type !== "source") at = byId.get((inputsOf(graph, at.id)[0] as Edge).from) as Vertex;
    found.set(vertex.id, at.id);
  }
  return found;
}
