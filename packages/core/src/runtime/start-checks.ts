import type { SourceConnection } from "../connector.js";
import { requireCount, StreamError } from "../errors.js";
import type { Graph, OperatorVertex } from "../graph/graph.js";
import { guaranteesOf, requireDelivery } from "../graph/guarantees.js";
import type { CheckpointOptions, RunOptions } from "./run-options.js";

/** Refuses before anything is opened what could not be kept: unnamed state, one-shot inputs, a delivery that does not hold. */
export function checkBeforeStart(graph: Graph, options: RunOptions, checkpoint: CheckpointOptions | undefined): void {
  for (const [name, limit] of Object.entries(options.channel ?? {})) requireCount(limit, 1, `channel.${name}`);
  if (options.delivery !== undefined) requireDelivery(guaranteesOf(graph, checkpoint?.store), options.delivery);
  if (checkpoint === undefined) return;
  const transactional = graph.vertices.find(
    (vertex) =>
      vertex.type === "sink" && vertex.sink.system !== undefined && vertex.sink.system === checkpoint.store.system,
  );
  if (options.atEnd === "fire" && transactional !== undefined)
    throw new StreamError(
      "E_ARGUMENT",
      `atEnd: "fire" emits after the last checkpoint, but sink "${transactional.id}" writes only inside one: leave it out`,
    );
  const unnamed = stateful(graph).filter(({ spec }) => spec.name === undefined);
  if (unnamed.length > 0)
    throw new StreamError(
      "E_UNNAMED_STATE",
      `a checkpoint finds state by its name, and these have none: ${unnamed.map(({ id }) => id).join(", ")}. Give each { name } (for zip use zipWith)`,
    );
  for (const vertex of graph.vertices) {
    if (vertex.type === "source" && vertex.oneShot)
      throw new StreamError(
        "E_ONE_SHOT",
        `source "${vertex.id}" can be read only once, so a checkpoint could not resume it: give from() a function that makes the iterable, or a Source`,
        { operator: vertex.id },
      );
  }
}

/** Stateful over a source that commits, with no store: the committed positions would run ahead of the state. */
export function checkStore(
  graph: Graph,
  options: RunOptions,
  connections: ReadonlyMap<string, SourceConnection<unknown>>,
): void {
  if (options.checkpoint !== undefined) return;
  const state = stateful(graph)[0];
  const committing = [...connections].find(([, connection]) => connection.commit !== undefined)?.[0];
  if (state !== undefined && committing !== undefined)
    throw new StreamError(
      "E_NO_STORE",
      `${state.spec.kind} "${state.id}" keeps state, and source "${committing}" commits positions: after a restart the values before them would be missing in the state. Start with checkpoint: { every, store }, or with checkpoint: "none" to accept that`,
      { operator: state.id },
    );
}

function stateful(graph: Graph): OperatorVertex[] {
  return graph.vertices.filter(
    (vertex): vertex is OperatorVertex => vertex.type === "operator" && vertex.spec.holdsState === true,
  );
}
