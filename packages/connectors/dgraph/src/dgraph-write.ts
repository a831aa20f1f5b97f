import type { DgraphFacet, DgraphValue } from "./n-quad.js";

/** An edge to the node with the external id `to`, which is made if it is not there. Its facets replace those it had. */
export interface DgraphEdge {
  readonly predicate: string;
  readonly to: string;
  readonly facets?: Readonly<Record<string, DgraphFacet>>;
}

/** The facet, a number, bigint or Date, by which one of several writes of an edge counts: the smallest, or the largest. */
export type EdgeOrder = { readonly smallest: string } | { readonly largest: string };

/** What a node gets. */
export interface DgraphNode {
  /** The external id. */
  readonly id: string;
  /** Added to its `dgraph.type`, beside the sink's own `type`. */
  readonly types?: readonly string[];
  /** By predicate, or `predicate@language`. undefined leaves a field as it is, null takes it away. */
  readonly fields?: Readonly<Record<string, DgraphValue | undefined>>;
  /** Added to the edges it has. */
  readonly edges?: readonly DgraphEdge[];
}

/** A number that grows with each newer write of the same node. */
export interface Versioned {
  /** Needed where the sink has `version`, and only there. */
  readonly version?: number | bigint;
}

/** What a value does to the graph. Each is idempotent: a replay leaves the same graph. */
export type DgraphWrite =
  /** Sets fields and edges of the node with this external id, which is made if it is not there. */
  | ({ readonly kind: "set" } & DgraphNode & Versioned)
  /** Makes the node with its fields and edges; one that is there stays as it is. */
  | ({ readonly kind: "insert" } & DgraphNode)
  /**
   * Sets one edge; nodes that are not there are made. With `keeps` only where that facet is smaller (larger) than that of the edge which is
   * there: so what is left does not depend on the order of writes. Not for a predicate that holds one edge.
   */
  | ({ readonly kind: "edge"; readonly from: string; readonly keeps?: EdgeOrder } & DgraphEdge)
  | { readonly kind: "deleteEdge"; readonly from: string; readonly predicate: string; readonly to: string }
  /** Takes the node away, with the edges from it, and those to it where the predicate has a reverse index. */
  | ({ readonly kind: "delete"; readonly id: string } & Versioned);
