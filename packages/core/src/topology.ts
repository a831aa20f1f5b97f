import { requireArgument } from "./errors.js";
import { closeGraph } from "./graph/close.js";
import { describeGraph, type TopologyDescription } from "./graph/describe.js";
import type { Graph, SinkNode } from "./graph/graph.js";
import { type Guarantee, guaranteesOf } from "./graph/guarantees.js";
import { validate } from "./graph/validate.js";
import { startRun } from "./runtime/run.js";
import type { Run, RunOptions, RunSummary } from "./runtime/run-options.js";

/**
 * A closed graph from sources to sinks: it can be drawn, checked, simulated and run, more than once.
 *
 * @example
 * ```ts
 * import { discardSink, from, topology, toMermaid } from "@millrace/core";
 * const numbers = topology("numbers", from([1, 2]).to(discardSink()));
 * console.log(toMermaid(numbers.describe()), numbers.guarantees());
 * const summary = await numbers.run(); // summary.status is "completed"
 * ```
 */
export interface Topology {
  readonly name: string;
  /** Vertices and edges as plain JSON, and how many tasks run it. */
  describe(): TopologyDescription;
  /** What each path from a source to a sink promises, and why not more. */
  guarantees(options?: Pick<RunOptions, "checkpoint">): readonly Guarantee[];
  /** Runs it. Throws at once what can be refused without opening anything; `done` rejects with all else. */
  start(options?: RunOptions): Run;
  /** Runs it to its end. */
  run(options?: RunOptions): Promise<RunSummary>;
}

/**
 * Closes branches into one topology and checks it: names, event time where it is needed, error policies that contradict each other.
 * A Source, Sink or Stream used in several branches is one part of it.
 *
 * @example
 * ```ts
 * import { discardSink, from, topology } from "@millrace/core";
 * const numbers = from([1, 2, 3, 4]);
 * const [even, odd] = numbers.split((n) => n % 2 === 0);
 * const summary = await topology("numbers", even.to(discardSink()), odd.to(discardSink())).run();
 * ```
 */
export function topology(name: string, ...branches: Topology[]): Topology {
  requireArgument(branches.length > 0, `topology("${name}") needs at least one branch that ends in a sink`);
  return new ClosedTopology(
    name,
    branches.flatMap((branch) => sinksOf(branch)),
  );
}

/** A topology from its sinks alone: the graph above them is found from there. */
export function topologyOf(name: string, sinks: readonly SinkNode[]): Topology {
  return new ClosedTopology(name, sinks);
}

/** The sinks of a topology. */
export function sinksOf(branch: Topology): readonly SinkNode[] {
  requireArgument(
    branch instanceof ClosedTopology,
    "a branch must end in to(): it is what topology() and targets take",
  );
  return branch.sinks;
}

/** The checked graph of a topology. */
export function graphOf(branch: Topology): Graph {
  requireArgument(branch instanceof ClosedTopology, "this is not a topology made by topology() or to()");
  return branch.graph;
}

class ClosedTopology implements Topology {
  readonly name: string;
  readonly sinks: readonly SinkNode[];
  #graph: Graph | undefined;

  constructor(name: string, sinks: readonly SinkNode[]) {
    this.name = name;
    this.sinks = [...new Set(sinks)];
    // A branch given to topology() is only a part: it is checked as a part of the whole.
    if (name !== BRANCH_NAME) this.graph;
  }

  get graph(): Graph {
    if (this.#graph === undefined) {
      this.#graph = closeGraph(this.name, this.sinks);
      validate(this.#graph);
    }
    return this.#graph;
  }

  describe(): TopologyDescription {
    return describeGraph(this.graph);
  }

  guarantees(options: Pick<RunOptions, "checkpoint"> = {}): readonly Guarantee[] {
    return guaranteesOf(
      this.graph,
      options.checkpoint === undefined || options.checkpoint === "none" ? undefined : options.checkpoint.store,
    );
  }

  start(options: RunOptions = {}): Run {
    return startRun(this.graph, options);
  }

  async run(options: RunOptions = {}): Promise<RunSummary> {
    return startRun(this.graph, options, { awaited: true }).done;
  }
}

/** The name of a branch that was never given one. */
export const BRANCH_NAME = "stream";
