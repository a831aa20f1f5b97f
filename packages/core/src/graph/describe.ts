import { createHash } from "node:crypto";
import type { Graph, OperatorVertex, SourceVertex } from "./graph.js";

/** How many tasks run the topology, and what decided it. */
export interface TaskMode {
  readonly mode: "one" | "per-partition";
  readonly because: string;
}

/** A topology as plain JSON: for drawings, tools and tests. */
export interface TopologyDescription {
  readonly name: string;
  readonly tasks: TaskMode;
  readonly nodes: readonly { readonly id: string; readonly kind: string }[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly output: number }[];
}

export function describeGraph(graph: Graph): TopologyDescription {
  return {
    name: graph.name,
    tasks: taskMode(graph),
    nodes: graph.vertices.map((vertex) => ({
      id: vertex.id,
      kind: vertex.type === "operator" ? vertex.spec.kind : vertex.type,
    })),
    edges: graph.edges.map(({ from, to, output }) => ({ from, to, output })),
  };
}

/** One task a partition only where nothing spans partitions; else one over all, which is right without thinking. */
export function taskMode(graph: Graph): TaskMode {
  for (const vertex of graph.vertices) {
    if (vertex.type === "source" && vertex.source.partitioned !== true)
      return { mode: "one", because: `source "${vertex.id}" is not partitioned` };
    if (vertex.type !== "operator") continue;
    if (vertex.spec.global === true)
      return { mode: "one", because: `${vertex.spec.kind} "${vertex.id}" works over all partitions` };
    if (vertex.spec.holdsState === true && vertex.spec.perTask !== true && !vertex.partitioned)
      return {
        mode: "one",
        because: `the state of ${vertex.spec.kind} "${vertex.id}" is by a key that is not declared partitioned`,
      };
  }
  return { mode: "per-partition", because: "every source is partitioned and all state is by a partitioned key" };
}

/**
 * What must be equal for a checkpoint to be restored: source names, partition counts, task mode, and for each state its name, operator kind,
 * `partitioned` and whether it is by key. Other changes of the topology restore.
 */
export function topologyHash(graph: Graph, partitionCounts: ReadonlyMap<string, number>): string {
  const sources = graph.vertices
    .filter((vertex): vertex is SourceVertex => vertex.type === "source")
    .map(({ id }) => [id, partitionCounts.get(id) ?? null]);
  const states = statesOf(graph).map(({ spec, partitioned, keyed }) => [
    spec.name ?? null,
    spec.kind,
    partitioned,
    keyed,
  ]);
  const facts = { sources: sources.sort(byText), mode: taskMode(graph).mode, states: states.sort(byText) };
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

/** The operators whose state a checkpoint saves under a name of the user's. */
export function statesOf(graph: Graph): OperatorVertex[] {
  return graph.vertices.filter(
    (vertex): vertex is OperatorVertex =>
      vertex.type === "operator" && vertex.spec.holdsState === true && vertex.spec.name !== undefined,
  );
}

function byText(left: readonly unknown[], right: readonly unknown[]): number {
  return JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;
}
