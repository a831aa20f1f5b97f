import { StreamError } from "../errors.js";
import { ERROR, LATE } from "../stage.js";
import type { Graph, OperatorVertex, Vertex } from "./graph.js";
import { inputsOf } from "./graph.js";

const NAME = /^[A-Za-z0-9_.-]{1,100}$/;

/** Refuses a name that could not find state or positions again. */
export function checkName(name: string, what: string): void {
  if (!NAME.test(name))
    throw new StreamError(
      "E_NAME",
      `${what} must be 1 to 100 characters of A-Z a-z 0-9 _ . - ; it is ${JSON.stringify(name)}`,
    );
}

/** What is known of the values that leave a vertex by its main outputs. */
interface Facts {
  readonly timed: boolean;
  /** The keyed, stateful or unordered operator, or the merge, that already stands above. */
  readonly mixed: string | undefined;
  /** A window above that can fire the same result more than once. */
  readonly refiredBy: string | undefined;
}

/** Refuses a graph that can not be right; every error names the operator. */
export function validate(graph: Graph): void {
  checkName(graph.name, "the topology's name");
  checkNames(graph);
  const facts = new Map<string, Facts>();
  for (const vertex of graph.vertices) {
    const above = inputsOf(graph, vertex.id).map((edge) => {
      const fact = facts.get(edge.from) as Facts;
      // Late values and dead letters are facts about the past, not results that are fired again.
      return edge.output === LATE || edge.output === ERROR ? { ...fact, refiredBy: undefined } : fact;
    });
    facts.set(vertex.id, check(vertex, above));
  }
}

function checkNames(graph: Graph): void {
  const names = new Set<string>();
  const sources = new Set<string>();
  for (const vertex of graph.vertices) {
    if (vertex.type === "operator" && vertex.spec.name !== undefined) {
      checkName(vertex.spec.name, `the name of a ${vertex.spec.kind}`);
      if (names.has(vertex.spec.name))
        throw new StreamError(
          "E_DUPLICATE_NAME",
          `two operators are called "${vertex.spec.name}": a checkpoint finds state by its name, so each needs one of its own`,
        );
      names.add(vertex.spec.name);
    }
    if (vertex.type === "source" && vertex.named) {
      const { name } = vertex.source;
      checkName(name, "the name of a source");
      if (sources.has(name))
        throw new StreamError(
          "E_DUPLICATE_NAME",
          `two sources are called "${name}": a checkpoint finds positions by the source's name, so each needs one of its own`,
        );
      sources.add(name);
    }
  }
}

function check(vertex: Vertex, above: readonly Facts[]): Facts {
  if (vertex.type !== "operator") return { timed: false, mixed: undefined, refiredBy: undefined, ...above[0] };
  const { spec, id } = vertex;
  const timed = above.every((fact) => fact.timed);
  const refiredBy = above.find((fact) => fact.refiredBy !== undefined)?.refiredBy;
  if (spec.eventTime === "needs" && !timed)
    throw new StreamError(
      "E_NO_EVENT_TIME",
      `${spec.kind} "${id}" works on event time, but the stream above has none: call eventTime() before keyBy()`,
      { operator: id },
    );
  if (spec.eventTime === "assigns") checkEventTimePlace(vertex, above, timed);
  if (spec.aggregates === true && refiredBy !== undefined)
    throw new StreamError(
      "E_REFIRED_INPUT",
      `"${id}" would count the results of window "${refiredBy}" again each time that fires: give "${refiredBy}" emit: "final" or firings: "discarding"`,
      { operator: id },
    );
  return {
    timed: timed || spec.eventTime === "assigns",
    mixed: above.find((fact) => fact.mixed !== undefined)?.mixed ?? (mixes(vertex, above.length) ? id : undefined),
    refiredBy: spec.refires === true ? id : spec.aggregates === true ? undefined : refiredBy,
  };
}

function mixes(vertex: OperatorVertex, inputs: number): boolean {
  return inputs > 1 || vertex.keyed || vertex.spec.unordered === true;
}

function checkEventTimePlace(vertex: OperatorVertex, above: readonly Facts[], timed: boolean): void {
  if (timed)
    throw new StreamError(
      "E_EVENT_TIME_PLACE",
      `eventTime() is called twice on one path ("${vertex.id}"): call it once, right below the source`,
      { operator: vertex.id },
    );
  const mixed = above.find((fact) => fact.mixed !== undefined)?.mixed;
  if (mixed !== undefined)
    throw new StreamError(
      "E_EVENT_TIME_PLACE",
      `eventTime() stands below "${mixed}", where the source's partitions can no longer be told apart: call it before merge(), keyBy() and unordered mapAsync()`,
      { operator: vertex.id },
    );
}
