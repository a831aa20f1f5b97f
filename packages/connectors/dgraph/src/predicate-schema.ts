import { StreamError } from "@millrace/core";
import type { DgraphClient } from "./dgraph-client.js";

/** What a predicate holds. */
export type PredicateKind = "default" | "string" | "int" | "float" | "bool" | "datetime" | "geo" | "password" | "uid";

const KINDS: ReadonlySet<string> = new Set([
  "default",
  "string",
  "int",
  "float",
  "bool",
  "datetime",
  "geo",
  "password",
  "uid",
]);

/** A predicate as the server has it. */
export interface PredicateState {
  readonly kind: PredicateKind;
  readonly list: boolean;
  readonly tokenizers: readonly string[];
  readonly upsert: boolean;
  readonly reverse: boolean;
  readonly count: boolean;
  readonly lang: boolean;
  readonly unique: boolean;
}

/** Predicates and types of a server. */
export interface GraphSchema {
  readonly predicates: ReadonlyMap<string, PredicateState>;
  readonly types: ReadonlyMap<string, readonly string[]>;
}

interface SchemaAnswer {
  readonly schema?: readonly {
    readonly predicate: string;
    readonly type: string;
    readonly list?: boolean;
    readonly tokenizer?: readonly string[];
    readonly upsert?: boolean;
    readonly reverse?: boolean;
    readonly count?: boolean;
    readonly lang?: boolean;
    readonly unique?: boolean;
  }[];
  readonly types?: readonly { readonly name: string; readonly fields?: readonly { readonly name: string }[] }[];
}

/** What the server has, and this user may see. Predicates of kinds that this package can not write are left out. */
export async function readSchema(client: DgraphClient, signal?: AbortSignal): Promise<GraphSchema> {
  const { data } = await client.read({ query: "schema {}", ...(signal === undefined ? {} : { signal }) });
  const { schema = [], types = [] } = data as SchemaAnswer;
  const predicates = new Map<string, PredicateState>();
  for (const entry of schema) {
    const { predicate, type, list = false, tokenizer = [] } = entry;
    if (!KINDS.has(type)) continue;
    const { upsert = false, reverse = false, count = false, lang = false, unique = false } = entry;
    const kind = type as PredicateKind;
    predicates.set(predicate, { kind, list, tokenizers: tokenizer, upsert, reverse, count, lang, unique });
  }
  return {
    predicates,
    types: new Map(types.map(({ name, fields = [] }) => [name, fields.map((field) => field.name)])),
  };
}

/** Throws unless nodes can be found and upserted by `xid`. */
export function requireXid({ predicates }: GraphSchema, xid: string, what: string): void {
  const state = predicates.get(xid);
  const advice = `Declare it with ensureSchema: { ${xid}: { type: "string", index: ["exact"], upsert: true } }`;
  const refuse = (why: string): StreamError =>
    new StreamError("E_DGRAPH_SCHEMA", `${what}: the external id "${xid}" ${why}. ${advice}`);
  if (state === undefined) throw refuse("is no predicate of this Dgraph, or one that this user may not see");
  if (state.kind !== "string" || state.list)
    throw refuse(`is of type ${state.list ? "[" : ""}${state.kind}${state.list ? "]" : ""}, not string`);
  if (!state.tokenizers.some((name) => name === "exact" || name === "hash"))
    throw refuse("has no exact or hash index, so nodes can not be found by it");
  if (!state.upsert) throw refuse("has no @upsert: two writers of a new id would both make a node");
}
