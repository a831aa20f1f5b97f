import type { Sink, Source } from "../connector.js";
import { StreamError } from "../errors.js";
import { ERROR, MAIN } from "../stage.js";
import type { Edge, ErrorPolicy, Graph, Node, OperatorNode, Port, SinkNode, SourceNode, Vertex } from "./graph.js";

type Closed = SourceNode | OperatorNode | SinkNode;

/**
 * Closes the graph above some sinks: finds every node, gives each operator its error policy, connects dead letters, makes one vertex
 * of a Source or Sink object used at several places, and orders and names all vertices.
 */
export function closeGraph(name: string, sinks: readonly SinkNode[]): Graph {
  const policies = findPolicies(sinks);
  const inputs = connect(policies);
  const ordered = order(inputs);
  const ids = nameVertices(ordered);
  const edges: Edge[] = [];
  for (const [node, ports] of inputs) {
    ports.forEach((port, input) => {
      edges.push({
        from: ids.get(port.node as Closed) as string,
        output: port.output,
        to: ids.get(node) as string,
        input,
      });
    });
  }
  return { name, vertices: ordered.map((node) => vertexOf(node, ids.get(node) as string, policies.get(node))), edges };
}

/** Every node reached from the sinks, with the policy for its failures: its own, else that of the first onError below it. */
function findPolicies(sinks: readonly SinkNode[]): Map<Closed, ErrorPolicy | undefined> {
  const found = new Map<Closed, ErrorPolicy | undefined>();
  /** The policies from below with which a node, and so all above it, has been looked at. */
  const seen = new Map<Closed, Set<ErrorPolicy | undefined>>();
  const work: { node: Node; below: ErrorPolicy | undefined }[] = sinks.map((node) => ({ node, below: undefined }));
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const { node, below } = next;
    if (node.type === "onError") {
      work.push({ node: node.input.node, below: node.policy });
      continue;
    }
    const before = seen.get(node) ?? new Set();
    if (before.has(below)) continue;
    seen.set(node, before.add(below));
    const known = found.get(node);
    const policy = (node.type === "source" ? undefined : node.onError) ?? below;
    if (known !== undefined && policy !== undefined && policy !== known) throw conflict(node);
    found.set(node, policy ?? known);
    if (policy?.action === "target")
      for (const sink of policy.collector.sideSinks) work.push({ node: sink, below: undefined });
    if (node.type === "source") continue;
    if (node.type === "operator") for (const sink of node.sideSinks) work.push({ node: sink, below: undefined });
    const ports = node.type === "sink" ? [node.input] : node.inputs;
    // The policy of a side branch (late values, dead letters) is not one for the operators above the side output.
    for (const port of ports)
      work.push({ node: port.node, below: port.output === MAIN || port.output > ERROR ? below : undefined });
  }
  return found;
}

function conflict(node: Closed): StreamError {
  const what =
    node.type === "operator"
      ? (node.spec.name ?? node.spec.kind)
      : node.type === "source"
        ? node.source.name
        : node.sink.name;
  return new StreamError(
    "E_ON_ERROR_CONFLICT",
    `"${what}" stands above two branches with different onError policies: call onError before the stream branches, or once for both`,
  );
}

/** The ports that enter each node; a collector of dead letters gets one from every node whose policy it is. */
function connect(policies: ReadonlyMap<Closed, ErrorPolicy | undefined>): Map<Closed, Port[]> {
  const canonical = canonicalNodes(policies.keys());
  const inputs = new Map<Closed, Port[]>();
  const add = (node: Closed, port: Port): void => {
    const ports = inputs.get(node) ?? [];
    ports.push({ node: canonical(skipPolicies(port.node)), output: port.output });
    inputs.set(node, ports);
  };
  for (const [node, policy] of policies) {
    const self = canonical(node);
    if (!inputs.has(self)) inputs.set(self, []);
    if (node.type === "sink") add(self, node.input);
    else if (node.type === "operator") for (const port of node.inputs) add(self, port);
    if (policy?.action === "target" && self === node) add(policy.collector, { node: self, output: ERROR });
  }
  return inputs;
}

/** Nodes over the same Source or Sink object are one. */
function canonicalNodes(nodes: Iterable<Closed>): (node: Closed) => Closed {
  const first = new Map<Source<unknown> | Sink<unknown>, SourceNode | SinkNode>();
  for (const node of nodes) {
    if (node.type === "operator") continue;
    const key = node.type === "source" ? node.source : node.sink;
    const known = first.get(key);
    if (known === undefined) first.set(key, node);
    else if (known.type === "sink" && node.type === "sink" && !sameSettings(known, node))
      throw new StreamError(
        "E_ARGUMENT",
        `sink "${node.sink.name}" is used at several places with different options: give each place the same ones, or a Sink object of its own`,
      );
  }
  return (node) =>
    node.type === "operator" ? node : (first.get(node.type === "source" ? node.source : node.sink) ?? node);
}

function sameSettings(left: SinkNode, right: SinkNode): boolean {
  return JSON.stringify(left.settings) === JSON.stringify(right.settings) && left.onError === right.onError;
}

function skipPolicies(node: Node): Closed {
  let at = node;
  while (at.type === "onError") at = at.input.node;
  return at;
}

/** An order in which every edge points forward. */
function order(inputs: ReadonlyMap<Closed, readonly Port[]>): Closed[] {
  const waiting = new Map<Closed, number>();
  const below = new Map<Closed, Closed[]>();
  for (const [node, ports] of inputs) {
    waiting.set(node, ports.length);
    for (const port of ports) below.set(port.node as Closed, [...(below.get(port.node as Closed) ?? []), node]);
  }
  const ordered = [...waiting].filter(([, count]) => count === 0).map(([node]) => node);
  // Found from the sinks upwards: reversed, ids follow the order in which the streams were written.
  ordered.reverse();
  for (let i = 0; i < ordered.length; i++) {
    for (const node of (below.get(ordered[i] as Closed) ?? []).slice().reverse()) {
      const left = (waiting.get(node) as number) - 1;
      waiting.set(node, left);
      if (left === 0) ordered.push(node);
    }
  }
  if (ordered.length < inputs.size)
    throw new StreamError(
      "E_ARGUMENT",
      "a dead-letter target leads back to the sink it serves: use another Sink object for its failures",
    );
  return ordered;
}

function nameVertices(nodes: readonly Closed[]): Map<Closed, string> {
  const ids = new Map<Closed, string>();
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  // What finds something again goes first, so that no other name pushes it aside: positions by the source's id, what a sink saved by its own. State
  // is found by the operator's name itself.
  for (const node of nodes) if (node.type === "source") ids.set(node, claim(taken, node.source.name));
  for (const node of nodes) if (node.type === "sink") ids.set(node, claim(taken, node.settings.name ?? node.sink.name));
  for (const node of nodes)
    if (node.type === "operator" && node.spec.name !== undefined) ids.set(node, claim(taken, node.spec.name));
  for (const node of nodes) {
    if (ids.has(node) || node.type !== "operator") continue;
    const count = (counts.get(node.spec.kind) ?? 0) + 1;
    counts.set(node.spec.kind, count);
    ids.set(node, claim(taken, `${node.spec.kind}-${count}`));
  }
  return ids;
}

function claim(taken: Set<string>, wanted: string): string {
  let id = wanted;
  for (let n = 2; taken.has(id); n++) id = `${wanted}-${n}`;
  taken.add(id);
  return id;
}

function vertexOf(node: Closed, id: string, policy: ErrorPolicy | undefined): Vertex {
  const onError = policy?.action ?? "fail";
  switch (node.type) {
    case "source":
      return { type: "source", id, source: node.source, named: node.named, oneShot: node.oneShot, onError };
    case "operator":
      return { type: "operator", id, spec: node.spec, keyed: node.keyed, partitioned: node.partitioned, onError };
    default:
      return { type: "sink", id, sink: node.sink, settings: node.settings, onError };
  }
}
