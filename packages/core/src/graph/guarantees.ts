import type { CheckpointStore } from "../connector.js";
import { StreamError } from "../errors.js";
import type { Graph, SinkVertex, Vertex } from "./graph.js";
import { inputsOf } from "./graph.js";

/**
 * What a crash may do to the values of a path, the weakest first: lose some, write some again, write some again with the same
 * result, or none of these. `RunOptions.delivery` asks for one.
 */
export type DeliveryLevel = "at-most-once" | "at-least-once" | "effectively-once" | "exactly-once";

/** What a path from a source to a sink promises, and why not more. */
export interface Guarantee {
  readonly path: readonly string[];
  readonly level: DeliveryLevel;
  readonly because: string;
}

/** A graph of many diamonds has more paths than anybody reads. */
const MAX_PATHS = 1_000;
const RANK: readonly DeliveryLevel[] = ["at-most-once", "at-least-once", "effectively-once", "exactly-once"];

/** The promise of every path, by the parts on it and the store. */
export function guaranteesOf(graph: Graph, store: CheckpointStore | undefined): Guarantee[] {
  const byId = new Map(graph.vertices.map((vertex) => [vertex.id, vertex]));
  const found: Guarantee[] = [];
  const walk = (vertex: Vertex, path: readonly Vertex[]): void => {
    if (found.length >= MAX_PATHS) return;
    const longer = [vertex, ...path];
    const inputs = inputsOf(graph, vertex.id);
    if (inputs.length === 0) found.push({ path: longer.map(({ id }) => id), ...judge(graph, longer, store) });
    for (const edge of inputs) walk(byId.get(edge.from) as Vertex, longer);
  };
  for (const vertex of graph.vertices) if (vertex.type === "sink") walk(vertex, []);
  return found;
}

function judge(
  graph: Graph,
  path: readonly Vertex[],
  store: CheckpointStore | undefined,
): { level: DeliveryLevel; because: string } {
  const { sink } = path[path.length - 1] as SinkVertex;
  const first = path[0];
  if (first?.type === "source" && first.source.replays === false)
    return {
      level: "at-most-once",
      because: `"${first.source.name}" can not be read again: a crash loses the values under way`,
    };
  if (store !== undefined && sink.system !== undefined && sink.system === store.system)
    return { level: "exactly-once", because: `"${sink.name}" writes inside the commit of ${store.name}` };
  if (store !== undefined && sink.rollsBack === true)
    return { level: "exactly-once", because: `"${sink.name}" rolls itself back to what the checkpoint saved` };
  const lowered = path.find(
    (vertex) => vertex.type === "operator" && (vertex.spec.lowers !== undefined || vertex.spec.origins === "none"),
  );
  if (sink.writes === "append")
    return { level: "at-least-once", because: `"${sink.name}" appends: a replay writes again` };
  if (lowered?.type === "operator")
    return {
      level: "at-least-once",
      because: `${lowered.spec.kind} "${lowered.id}": ${lowered.spec.lowers ?? "its outputs have no replayable id"}`,
    };
  if (sink.writes === "versioned")
    return { level: "effectively-once", because: `"${sink.name}" compares a version that grows` };
  const reordered = orderLostOn(graph, path);
  if (reordered !== undefined) return { level: "at-least-once", because: reordered };
  return { level: "effectively-once", because: `"${sink.name}" writes the same id again with the same content` };
}

/**
 * Why an operator on the path may see values in another order after a replay, and so give the ids of before another content. The values of
 * a key keep their order while they stay in one partition, are not merged with others, and pass only what keeps the order of that key.
 */
function orderLostOn(graph: Graph, path: readonly Vertex[]): string | undefined {
  let ofAll: string | undefined;
  let ofOtherKeys: string | undefined;
  let ofPartitions: string | undefined;
  for (const vertex of path) {
    if (vertex.type === "source" && vertex.source.partitioned === true)
      ofPartitions = `the partitions of "${vertex.id}" are read`;
    if (vertex.type !== "operator") continue;
    const { id, spec, keyed, partitioned } = vertex;
    if (spec.rekeys === true) ofAll ??= ofOtherKeys;
    const lost = ofAll ?? (keyed ? undefined : ofOtherKeys) ?? (partitioned ? undefined : ofPartitions);
    if (spec.sequential === true && lost !== undefined)
      return `${spec.kind} "${id}" depends on the order in which ${lost}, and a replay may change it`;
    if (inputsOf(graph, id).length > 1) ofAll ??= `"${id}" takes its inputs`;
    if (spec.unordered === true) ofOtherKeys ??= `"${id}" lets results out`;
  }
  return undefined;
}

/** Refuses to start below the delivery asked for, naming the weakest path. */
export function requireDelivery(guarantees: readonly Guarantee[], wanted: DeliveryLevel): void {
  const weak = guarantees.find(({ level }) => RANK.indexOf(level) < RANK.indexOf(wanted));
  if (weak !== undefined)
    throw new StreamError(
      "E_DELIVERY",
      `delivery "${wanted}" does not hold on ${weak.path.join(" → ")}: it is ${weak.level}, because ${weak.because}`,
    );
}
