import { requireArgument } from "@millrace/core";
import { isLanguage, nameText, requireName, splitLanguage } from "./names.js";

/** What is read of a node: predicates (`name`, `name@en`), and what edges lead to (`friends`, `~friends` against their direction). */
export type DgraphSelection = string | DgraphEdgeSelection;

/** What is read of the nodes that an edge leads to. */
export interface DgraphEdgeSelection {
  readonly edge: string;
  readonly select: readonly DgraphSelection[];
  /** With the edge's facets, as `edge|facet` of the node that it leads to. */
  readonly facets?: boolean;
  /** Edges a node (1,000); a node with more fails the read, since the answer would lack some. */
  readonly first?: number;
}

const DEFAULT_EDGES = 1_000;
const MAX_DEPTH = 10;

/** The selection as a query's text. Throws `E_ARGUMENT` for anything that is not plainly a name. */
export function selectionText(select: readonly DgraphSelection[], what: string, depth = 1): string {
  requireArgument(depth <= MAX_DEPTH, `${what}: select is more than ${MAX_DEPTH} edges deep`);
  return ["uid", ...select.map((each) => partText(each, what, depth))].join(" ");
}

function partText(part: DgraphSelection, what: string, depth: number): string {
  if (typeof part === "string") {
    const { predicate, language } = splitLanguage(part);
    requireName(predicate, `${what}: a field of select`);
    requireArgument(
      language === undefined || isLanguage(language),
      `${what}: a field of select has no language behind its @`,
    );
    return language === undefined ? nameText(predicate) : `${nameText(predicate)}@${language}`;
  }
  const { edge, select, facets = false } = part;
  requireName(edge.replace(/^~/, ""), `${what}: an edge of select`);
  const first = edgeLimit(part, what);
  return `${nameText(edge)} (first: ${first + 1}) ${facets ? "@facets " : ""}{ ${selectionText(select, what, depth + 1)} }`;
}

function edgeLimit({ edge, first = DEFAULT_EDGES }: DgraphEdgeSelection, what: string): number {
  requireArgument(
    Number.isInteger(first) && first >= 1,
    `${what}: first of the edge ${edge} must be a whole number from 1; it is ${first}`,
  );
  return first;
}

/** The edge of which a node has more than were asked for, and that node's uid. */
export function cutEdge(
  node: unknown,
  select: readonly DgraphSelection[],
): { readonly edge: string; readonly uid: string; readonly first: number } | undefined {
  for (const part of select) {
    if (typeof part === "string") continue;
    const { edge, first = DEFAULT_EDGES } = part;
    const { uid, [edge]: found } = node as { readonly uid: string; readonly [edge: string]: unknown };
    const targets = Array.isArray(found) ? found : found === undefined ? [] : [found];
    if (targets.length > first) return { edge, uid, first };
    for (const target of targets) {
      const cut = cutEdge(target, part.select);
      if (cut !== undefined) return cut;
    }
  }
  return undefined;
}
