import type { DgraphEdge, DgraphNode, DgraphWrite, EdgeOrder } from "./dgraph-write.js";
import {
  type DgraphFacet,
  type DgraphScalar,
  type DgraphValue,
  facetList,
  facetText,
  literal,
  UnwritableValue,
} from "./n-quad.js";
import { isLanguage, isName, splitLanguage } from "./names.js";
import type { GraphSchema, PredicateState } from "./predicate-schema.js";

/** A field to be set, its values as N-Quad objects; none: it is taken away. */
export interface FieldEdit {
  readonly predicate: string;
  readonly language: string | undefined;
  readonly objects: readonly string[];
  /** What is there goes first: the field is a list, or it goes for good. */
  readonly clears: boolean;
}

/** By which facet an edge counts against the one that is there. */
export interface EdgeRank {
  readonly facet: string;
  /** The facet's value as it stands in a query, in quotes, and for comparison. */
  readonly text: string;
  readonly value: number | bigint;
  readonly smallest: boolean;
}

/** An edge to be set, with its facets as text, or taken away. */
export interface EdgeEdit {
  readonly predicate: string;
  readonly to: string;
  readonly facets: string | undefined;
  /** The predicate holds one edge a node: the next takes the place of the last. */
  readonly single: boolean;
  /** Undefined: it counts in any case. */
  readonly rank: EdgeRank | undefined;
}

/** What a write does to one node: checked, and ready to be sent. */
export interface NodeEdit {
  readonly kind: "set" | "insert" | "delete" | "edge" | "deleteEdge";
  readonly id: string;
  readonly types: readonly string[];
  readonly fields: readonly FieldEdit[];
  readonly edges: readonly EdgeEdit[];
  readonly version: bigint | undefined;
}

/** What writes are checked against. */
export interface WriteRules {
  readonly schema: GraphSchema;
  readonly xid: string;
  /** The predicate that holds a node's version. */
  readonly version: string | undefined;
  /** The predicates that may be written; undefined: all. */
  readonly allowed: ReadonlySet<string> | undefined;
}

const MAX_ID_BYTES = 32_768;

/** Checks a write and brings it into the form that is sent. Throws {@link UnwritableValue}, which names the node and the field. */
export function editOf(write: DgraphWrite, rules: WriteRules): NodeEdit {
  switch (write.kind) {
    case "set":
    case "insert":
      return {
        kind: write.kind,
        id: checkedId(write.id, "id", rules),
        types: typesOf(write),
        fields: fieldsOf(write, rules),
        edges: (write.edges ?? []).map((edge) => edgeOf(write.id, edge, rules)),
        version: write.kind === "set" ? versionOf(write, rules) : unversioned(write.kind, rules),
      };
    case "edge":
    case "deleteEdge": {
      const id = checkedId(write.from, "from", rules);
      const edge = edgeOf(id, write, rules);
      const edges = [write.kind === "edge" ? edge : { ...edge, facets: undefined }];
      return { kind: write.kind, id, types: [], fields: [], edges, version: undefined };
    }
    case "delete":
      return {
        kind: "delete",
        id: checkedId(write.id, "id", rules),
        types: [],
        fields: [],
        edges: [],
        version: versionOf(write, rules),
      };
    default:
      throw new UnwritableValue(`a write must be set, insert, edge, deleteEdge or delete; it is ${shown(write)}`);
  }
}

/** Dgraph looks whether a value of a @unique predicate is there already by a query that it puts the value into as it is. */
function requireUniqueText(value: unknown): void {
  if (typeof value === "string" && /["\\\n\r]/.test(value))
    throw new UnwritableValue(
      "the predicate is @unique, and Dgraph puts the values of such into a query unescaped: quotes, backslashes and line breaks would be taken for a part of it. Leave @unique out (an external id is unique by @upsert)",
    );
}

function checkedId(id: unknown, what: string, { schema, xid }: WriteRules): string {
  // An empty one would find, and so overwrite, whatever else has none.
  if (typeof id !== "string" || id === "")
    throw new UnwritableValue(`${what} must be a string that is not empty; it is ${shown(id)}`);
  if (!id.isWellFormed())
    throw new UnwritableValue(`${what} ${shown(id)} has half of a surrogate pair, which no UTF-8 can say`);
  if (schema.predicates.get(xid)?.unique === true) requireUniqueText(id);
  if (Buffer.byteLength(id) > MAX_ID_BYTES)
    throw new UnwritableValue(`${what} is longer than ${MAX_ID_BYTES} bytes; it begins with ${shown(id.slice(0, 60))}`);
  return id;
}

function typesOf({ id, types = [] }: DgraphNode): readonly string[] {
  for (const type of types)
    if (typeof type !== "string" || !isName(type))
      throw new UnwritableValue(`node ${shown(id)}: ${shown(type)} can not be the name of a type`);
  return types;
}

function fieldsOf({ id, fields = {} }: DgraphNode, rules: WriteRules): readonly FieldEdit[] {
  const edits: FieldEdit[] = [];
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    try {
      edits.push(fieldOf(field, value, rules));
    } catch (error) {
      if (!(error instanceof UnwritableValue)) throw error;
      throw new UnwritableValue(`node ${shown(id)}, field ${shown(field)}: ${error.message}`);
    }
  }
  return edits;
}

function fieldOf(field: string, value: DgraphValue, rules: WriteRules): FieldEdit {
  const { predicate, language } = splitLanguage(field);
  if (predicate === rules.xid || predicate === rules.version)
    throw new UnwritableValue("the sink writes this one itself: give it as `id` or `version`");
  const state = writable(predicate, rules);
  if (state.kind === "uid") throw new UnwritableValue("the predicate holds edges: give them in `edges`");
  if (language !== undefined) {
    if (!isLanguage(language)) throw new UnwritableValue(`${shown(language)} is no language tag`);
    if (!state.lang) throw new UnwritableValue("the predicate has no @lang, so it holds no languages");
  }
  if (value === null) return { predicate, language, objects: [], clears: true };
  if (Array.isArray(value)) {
    if (!state.list) throw new UnwritableValue("it is a list, and the predicate is none");
    const objects = [...new Set((value as readonly DgraphScalar[]).map((each) => literal(each, state.kind)))];
    return { predicate, language, objects, clears: true };
  }
  if (state.list) throw new UnwritableValue("the predicate is a list: give an array");
  const object = literal(value as Exclude<DgraphValue, null | readonly DgraphScalar[]>, state.kind);
  if (state.unique) requireUniqueText(value);
  return { predicate, language, objects: [object], clears: false };
}

function edgeOf(
  from: string,
  { predicate, to, facets, keeps }: DgraphEdge & { readonly keeps?: EdgeOrder },
  rules: WriteRules,
): EdgeEdit {
  try {
    const state = writable(predicate, rules);
    if (state.kind !== "uid") throw new UnwritableValue(`the predicate is of type ${state.kind}, which holds no edges`);
    for (const key of Object.keys(facets ?? {}))
      if (!isName(key)) throw new UnwritableValue(`${shown(key)} can not be the name of a facet`);
    if (keeps !== undefined && !state.list)
      throw new UnwritableValue("the predicate holds one edge, and `keeps` is for those that hold several");
    const rank = keeps === undefined ? undefined : rankOf(keeps, facets ?? {});
    return { predicate, to: checkedId(to, "to", rules), facets: facetList(facets), single: !state.list, rank };
  } catch (error) {
    if (!(error instanceof UnwritableValue)) throw error;
    throw new UnwritableValue(`node ${shown(from)}, edge ${shown(predicate)}: ${error.message}`);
  }
}

/** Names that stand in a filter of facets without brackets. */
const RANK_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function rankOf(keeps: EdgeOrder, facets: Readonly<Record<string, DgraphFacet>>): EdgeRank {
  const smallest = "smallest" in keeps;
  const facet = smallest ? keeps.smallest : keeps.largest;
  const given = Object.hasOwn(facets, facet) ? facets[facet] : undefined;
  const value = given instanceof Date ? given.getTime() : given;
  if (!RANK_NAME.test(facet) || (typeof value !== "number" && typeof value !== "bigint"))
    throw new UnwritableValue(
      `\`keeps\` must name a facet of the edge that is a number, a bigint or a Date; ${shown(facet)} is ${shown(given)}`,
    );
  return { facet, text: `"${facetText(given as DgraphFacet)}"`, value, smallest };
}

/** What is not in the schema is refused: Dgraph would guess a type from the first value, and could not be told otherwise later. */
function writable(predicate: string, { schema, allowed }: WriteRules): PredicateState {
  const state = schema.predicates.get(predicate);
  if (state === undefined || predicate.startsWith("dgraph."))
    throw new UnwritableValue("the schema has no such predicate: declare it with ensureSchema");
  if (allowed !== undefined && !allowed.has(predicate))
    throw new UnwritableValue("it is not among the `predicates` that the sink may write");
  return state;
}

function versionOf(
  { id, version }: { readonly id: string; readonly version?: number | bigint },
  rules: WriteRules,
): bigint | undefined {
  if (rules.version === undefined) {
    if (version === undefined) return undefined;
    throw new UnwritableValue(
      `node ${shown(id)} has a version, but the sink has no \`version\` predicate to keep it in`,
    );
  }
  const whole =
    typeof version === "bigint" ? version : Number.isSafeInteger(version) ? BigInt(version as number) : undefined;
  if (whole === undefined || whole < 0n || whole >= 2n ** 63n)
    throw new UnwritableValue(
      `node ${shown(id)} must have a version, a whole number from 0 that is exact; it is ${shown(version)}`,
    );
  return whole;
}

function unversioned(kind: string, { version }: WriteRules): undefined {
  if (version !== undefined)
    throw new UnwritableValue(`a sink with versions can not ${kind}: a set with version 0 does the same`);
  return undefined;
}

function shown(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  return (JSON.stringify(value, (_key, each) => (typeof each === "bigint" ? `${each}n` : each)) ?? String(value)).slice(
    0,
    100,
  );
}
