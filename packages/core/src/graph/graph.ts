import type { Sink, Source } from "../connector.js";
import type { BatchPolicy, RetryPolicy } from "../policy.js";
import type { OperatorSpec } from "../stage.js";

/** One output of a node: what a Stream stands for. */
export interface Port {
  readonly node: Node;
  readonly output: number;
}

export type Node = SourceNode | OperatorNode | SinkNode | ErrorPolicyNode;

export interface SourceNode {
  readonly type: "source";
  readonly source: Source<unknown>;
  /** The user gave the name; else one is made from its place in the graph. */
  readonly named: boolean;
  /** The input can be begun only once, so a checkpoint could not resume it. */
  readonly oneShot: boolean;
}

/** What happens to a value whose function failed. A target is the node that collects the dead letters and the sinks below it. */
export type ErrorPolicy =
  | { readonly action: "fail" }
  | { readonly action: "skip" }
  | { readonly action: "target"; readonly collector: OperatorNode };

export interface OperatorNode {
  readonly type: "operator";
  readonly spec: OperatorSpec;
  readonly inputs: readonly Port[];
  /** The policy given to the operator itself; it goes before one given to the stream. */
  readonly onError: ErrorPolicy | undefined;
  /** Values leave it with a key. */
  readonly keyed: boolean;
  /** Its state is found by a key that stays in one source partition. */
  readonly partitioned: boolean;
  /** Sinks below its side outputs (late values, dead letters): in the topology whenever this node is. Filled once, right after it was made. */
  readonly sideSinks: SinkNode[];
}

/** Stands in the stream where `onError` was called; taken out when the graph is closed. */
export interface ErrorPolicyNode {
  readonly type: "onError";
  readonly input: Port;
  readonly policy: ErrorPolicy;
}

export interface SinkSettings {
  readonly name?: string | undefined;
  readonly batch?: BatchPolicy | undefined;
  readonly concurrency?: number | undefined;
  readonly order?: "input" | "key" | "any" | undefined;
  readonly retry?: RetryPolicy | undefined;
}

export interface SinkNode {
  readonly type: "sink";
  readonly sink: Sink<unknown>;
  readonly input: Port;
  readonly settings: SinkSettings;
  readonly onError: ErrorPolicy;
}

// ---- the closed graph

/** An edge: values of an output of one vertex enter an input of another. */
export interface Edge {
  readonly from: string;
  readonly output: number;
  readonly to: string;
  readonly input: number;
}

export type Vertex = SourceVertex | OperatorVertex | SinkVertex;

export interface SourceVertex {
  readonly type: "source";
  /** Its name: finds its positions in a checkpoint. */
  readonly id: string;
  readonly source: Source<unknown>;
  readonly named: boolean;
  readonly oneShot: boolean;
  /** For values that could not be decoded. */
  readonly onError: ErrorPolicy["action"];
}

export interface OperatorVertex {
  readonly type: "operator";
  readonly id: string;
  readonly spec: OperatorSpec;
  readonly keyed: boolean;
  readonly partitioned: boolean;
  readonly onError: ErrorPolicy["action"];
}

export interface SinkVertex {
  readonly type: "sink";
  readonly id: string;
  readonly sink: Sink<unknown>;
  readonly settings: SinkSettings;
  readonly onError: ErrorPolicy["action"];
}

/** A checked topology as plain data: vertices in an order in which every edge points forward. */
export interface Graph {
  readonly name: string;
  readonly vertices: readonly Vertex[];
  readonly edges: readonly Edge[];
}

/** The edges into a vertex, by input number. */
export function inputsOf(graph: Graph, id: string): readonly Edge[] {
  return graph.edges.filter((edge) => edge.to === id).sort((left, right) => left.input - right.input);
}

/** The edges out of a vertex. */
export function outputsOf(graph: Graph, id: string): readonly Edge[] {
  return graph.edges.filter((edge) => edge.from === id);
}
