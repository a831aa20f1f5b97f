import { StreamError } from "@millrace/core";
import { DgraphClient } from "./dgraph-client.js";
import type { DgraphConnection } from "./dgraph-connection.js";
import { requireName } from "./names.js";
import { type GraphSchema, type PredicateKind, type PredicateState, readSchema } from "./predicate-schema.js";

/** What a predicate is to be. */
export interface DgraphPredicate {
  /** A kind, in brackets for a list: `string`, `[uid]`. */
  readonly type: PredicateKind | `[${PredicateKind}]`;
  /** Index by tokenizers: `exact`, `hash`, `term`, `int`, `day`, … */
  readonly index?: readonly string[];
  /** Conflicts are found by the index: needed for an external id. */
  readonly upsert?: boolean;
  /** Edges can be followed against their direction. */
  readonly reverse?: boolean;
  /** The number of edges or values is kept. */
  readonly count?: boolean;
  /** Values can have languages. */
  readonly lang?: boolean;
  /** No two nodes have the same value (Dgraph 24 and newer). */
  readonly unique?: boolean;
}

/** Predicates by name, and types with the predicates that they have. */
export interface DgraphSchema {
  readonly predicates?: Readonly<Record<string, DgraphPredicate>>;
  readonly types?: Readonly<Record<string, readonly string[]>>;
}

/**
 * Makes what the schema lacks and leaves everything else: indexes and fields that are there already stay. Nothing is sent where nothing is lacking, since
 * Dgraph aborts the transactions that are under way when a schema is altered. A predicate of another type is refused. True if something was made.
 *
 * @example
 * ```ts
 * import { ensureSchema } from "@millrace/dgraph";
 * const made = ensureSchema({ url: "127.0.0.1:9080" }, {
 *   predicates: { citizenID: { type: "string", index: ["exact"], upsert: true }, friends: { type: "[uid]", reverse: true } },
 *   types: { Citizen: ["citizenID", "friends"] },
 * });
 * ```
 */
export async function ensureSchema(connection: DgraphConnection, schema: DgraphSchema): Promise<boolean> {
  const { predicates = {}, types = {} } = schema;
  for (const [name, fields] of Object.entries(types))
    for (const each of [name, ...fields]) requireOwnName(each, "a type or its field");
  const wanted = Object.entries(predicates).map(([name, predicate]) => {
    requireOwnName(name, "a predicate");
    return [name, stateOf(name, predicate)] as const;
  });
  const client = await DgraphClient.open(connection);
  try {
    const there = await readSchema(client);
    const lines = [
      ...wanted.flatMap(([name, state]) => predicateLine(name, state, there.predicates.get(name))),
      ...Object.entries(types).flatMap(([name, fields]) => typeLine(name, fields, there)),
    ];
    if (lines.length === 0) return false;
    await client.alter(lines.join("\n"));
    return true;
  } finally {
    client.close();
  }
}

function requireOwnName(name: string, what: string): void {
  requireName(name, `ensureSchema: ${what}`);
  if (name.startsWith("dgraph."))
    throw new StreamError(
      "E_ARGUMENT",
      `ensureSchema: ${name} is Dgraph's own: names beginning with dgraph. can not be declared`,
    );
}

function stateOf(name: string, wanted: DgraphPredicate): PredicateState {
  const match = /^(\[?)(default|string|int|float|bool|datetime|geo|password|uid)(\]?)$/.exec(wanted.type);
  if (match === null || (match[1] === "[") !== (match[3] === "]"))
    throw new StreamError(
      "E_ARGUMENT",
      `ensureSchema: ${name} has the type ${JSON.stringify(wanted.type)}, which is none`,
    );
  const { index = [], upsert = false, reverse = false, count = false, lang = false, unique = false } = wanted;
  for (const tokenizer of index) requireName(tokenizer, `ensureSchema: an index of ${name}`);
  const kind = match[2] as PredicateKind;
  if (upsert && index.length === 0)
    throw new StreamError(
      "E_ARGUMENT",
      `ensureSchema: ${name} is upsert without an index, and conflicts are found by the index`,
    );
  if (reverse && kind !== "uid")
    throw new StreamError("E_ARGUMENT", `ensureSchema: ${name} is reverse, but only edges (uid) have a direction`);
  return { kind, list: match[1] === "[", tokenizers: index, upsert, reverse, count, lang, unique };
}

/** The predicate's declaration, with what it has already: what is not named in one is dropped. */
function predicateLine(name: string, wanted: PredicateState, there: PredicateState | undefined): string[] {
  if (there !== undefined && (there.kind !== wanted.kind || there.list !== wanted.list))
    throw new StreamError(
      "E_DGRAPH_SCHEMA",
      `ensureSchema: ${name} is ${typeText(there)} in this Dgraph, not ${typeText(wanted)}. A change of type can lose values, so it is yours to make`,
    );
  const merged: PredicateState = {
    ...wanted,
    tokenizers: [...new Set([...(there?.tokenizers ?? []), ...wanted.tokenizers])],
    upsert: wanted.upsert || there?.upsert === true,
    reverse: wanted.reverse || there?.reverse === true,
    count: wanted.count || there?.count === true,
    lang: wanted.lang || there?.lang === true,
    unique: wanted.unique || there?.unique === true,
  };
  if (there !== undefined && declaration(merged) === declaration(there)) return [];
  return [`<${name}>: ${declaration(merged)} .`];
}

function declaration(state: PredicateState): string {
  const { tokenizers, upsert, reverse, count, lang, unique } = state;
  const marks = [
    tokenizers.length === 0 ? "" : `@index(${[...tokenizers].sort().join(", ")})`,
    reverse ? "@reverse" : "",
    count ? "@count" : "",
    lang ? "@lang" : "",
    upsert ? "@upsert" : "",
    unique ? "@unique" : "",
  ];
  return [typeText(state), ...marks].filter((text) => text !== "").join(" ");
}

function typeText({ kind, list }: PredicateState): string {
  return list ? `[${kind}]` : kind;
}

function typeLine(name: string, fields: readonly string[], { types }: GraphSchema): string[] {
  const there = types.get(name);
  const merged = [...new Set([...(there ?? []), ...fields])];
  if (there !== undefined && merged.length === there.length) return [];
  return [`type <${name}> {\n${merged.map((field) => `  <${field}>`).join("\n")}\n}`];
}
