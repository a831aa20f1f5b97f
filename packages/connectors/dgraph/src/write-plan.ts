import type { EdgeRank, FieldEdit, NodeEdit } from "./write-edit.js";

/** How a node is treated in a step. Only edits of one node can be joined. */
export type NodeMode = "edit" | "insert" | "versioned" | "delete";

/** All that a step does to one node. */
export interface NodeStep {
  readonly id: string;
  mode: NodeMode;
  version: bigint | undefined;
  /** It must be there afterwards. */
  creates: boolean;
  readonly types: Set<string>;
  /** By predicate and language. */
  readonly fields: Map<string, FieldEdit>;
  /** By predicate and target: facets as text, or undefined where the edge goes. */
  readonly edges: Map<string, Map<string, string | undefined>>;
  /** By predicate and target: edges that are only set where none is there that counts more. */
  readonly ranked: Map<string, Map<string, RankedEdge>>;
  /** Predicates whose edges all go first. */
  readonly cleared: Set<string>;
  /** Nodes that an edge was set to, which so must be there, whatever became of the edge. */
  readonly makes: Set<string>;
}

/** An edge's facets as text, and how it counts. */
export interface RankedEdge {
  readonly facets: string;
  readonly rank: EdgeRank;
}

/** What one request does: every node and edge at most once, so that the order inside it does not matter. */
export class PlanStep {
  readonly nodes: Map<string, NodeStep> = new Map();
  /** Nodes that edges point at. */
  readonly targets: Set<string> = new Set();
}

/**
 * Brings edits into steps that leave what one after the other would. Most batches are one step; a node that is deleted, inserted or
 * versioned and touched again needs the next one.
 */
export function planSteps(edits: readonly NodeEdit[]): readonly PlanStep[] {
  const steps: PlanStep[] = [];
  let step = new PlanStep();
  const next = (): void => {
    steps.push(step);
    step = new PlanStep();
  };
  for (const edit of edits) {
    const fit = fits(step, edit);
    if (fit === "stale") continue;
    if (fit === "later") next();
    apply(step, edit, fit === "replaces");
  }
  if (step.nodes.size > 0) steps.push(step);
  return steps;
}

/** The nodes that edits touch. */
export function touchedBy(edits: readonly NodeEdit[]): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { id, edges } of edits) {
    ids.add(id);
    for (const { to } of edges) ids.add(to);
  }
  return ids;
}

function modeOf({ kind, version }: NodeEdit): NodeMode {
  if (version !== undefined) return "versioned";
  return kind === "delete" || kind === "insert" ? kind : "edit";
}

function fits(step: PlanStep, edit: NodeEdit): "joins" | "later" | "stale" | "replaces" {
  const mode = modeOf(edit);
  // A target that is deleted in this step is to be made anew by the next.
  if (edit.edges.some(({ to }) => deletes(step.nodes.get(to)))) return "later";
  // Whether it is there is judged before the step: an edge of this one may make it.
  if ((edit.kind === "delete" || edit.kind === "insert") && step.targets.has(edit.id)) return "later";
  const before = step.nodes.get(edit.id);
  if (before === undefined) return "joins";
  if (mode === "edit" && before.mode === "edit") return meetsRank(before, edit) ? "later" : "joins";
  if (mode !== "versioned" || before.mode !== "versioned") return "later";
  // Either the one before is stored, or one that is newer still.
  if ((edit.version as bigint) <= (before.version as bigint)) return "stale";
  return covers(edit, before) ? "replaces" : "later";
}

/** An edge is written both by its rank and without, or by different facets: what is left depends on the order. */
function meetsRank({ edges, ranked }: NodeStep, edit: NodeEdit): boolean {
  return edit.edges.some(({ predicate, to, rank }) => {
    const before = ranked.get(predicate)?.get(to)?.rank;
    if (rank === undefined) return before !== undefined;
    if (edges.get(predicate)?.has(to) === true) return true;
    return before !== undefined && (before.facet !== rank.facet || before.smallest !== rank.smallest);
  });
}

function deletes(node: NodeStep | undefined): boolean {
  return node !== undefined && (node.mode === "delete" || (node.mode === "versioned" && !node.creates));
}

/** Where the later write says all that the earlier one did, the earlier one leaves no trace. */
function covers(edit: NodeEdit, before: NodeStep): boolean {
  if (edit.kind === "delete" || deletes(before) || before.edges.size > 0) return false;
  const own = new Set(edit.fields.map(fieldKey));
  const types = new Set(edit.types);
  return [...before.fields.keys()].every((key) => own.has(key)) && [...before.types].every((type) => types.has(type));
}

function apply(step: PlanStep, edit: NodeEdit, replaces: boolean): void {
  const mode = modeOf(edit);
  let node = step.nodes.get(edit.id);
  if (node === undefined || replaces) {
    node = {
      id: edit.id,
      mode,
      version: edit.version,
      creates: false,
      types: new Set(),
      fields: new Map(),
      edges: new Map(),
      ranked: new Map(),
      cleared: new Set(),
      makes: new Set(),
    };
    step.nodes.set(edit.id, node);
  }
  node.creates ||= edit.kind !== "delete" && edit.kind !== "deleteEdge";
  for (const type of edit.types) node.types.add(type);
  for (const field of edit.fields) setField(node, field);
  for (const { predicate, to, facets, single, rank } of edit.edges) {
    if (rank === undefined) setEdge(node, predicate, to, facets, single);
    else rankEdge(node, predicate, to, { facets: facets ?? "", rank });
    step.targets.add(to);
    if (facets !== undefined) node.makes.add(to);
  }
}

function setField({ fields }: NodeStep, field: FieldEdit): void {
  // Taking the untagged value away takes those of all languages.
  if (field.language === undefined && field.clears)
    for (const [key, { predicate }] of fields) if (predicate === field.predicate) fields.delete(key);
  fields.set(fieldKey(field), field);
}

function setEdge(node: NodeStep, predicate: string, to: string, facets: string | undefined, single: boolean): void {
  let edges = node.edges.get(predicate);
  if (edges === undefined) {
    edges = new Map();
    node.edges.set(predicate, edges);
  }
  if (single) {
    const pending = [...edges].find(([, each]) => each !== undefined)?.[0];
    if (facets !== undefined) edges.clear();
    // Another one was to be there by now, so there is nothing to take away.
    else if (pending !== undefined && pending !== to) return;
    // It had taken the place of whatever was stored.
    else if (pending === to) node.cleared.add(predicate);
  }
  edges.set(to, facets);
}

/** Of equals the first stays, as of those that are stored. */
function rankEdge({ ranked }: NodeStep, predicate: string, to: string, edge: RankedEdge): void {
  let edges = ranked.get(predicate);
  if (edges === undefined) {
    edges = new Map();
    ranked.set(predicate, edges);
  }
  const before = edges.get(to)?.rank;
  const { value, smallest } = edge.rank;
  if (before === undefined || (smallest ? value < before.value : value > before.value)) edges.set(to, edge);
}

function fieldKey({ predicate, language }: FieldEdit): string {
  return language === undefined ? predicate : `${predicate}@${language}`;
}
