import { type Key, type Lookup, requireArgument, StreamError, WriteError } from "@millrace/core";
import pLimit from "p-limit";
import { DgraphClient } from "./dgraph-client.js";
import type { DgraphConnection } from "./dgraph-connection.js";
import type { DgraphRow } from "./dgraph-source.js";
import { variableText } from "./dql.js";
import { nameText, partName, requireName } from "./names.js";
import { readSchema } from "./predicate-schema.js";
import { cutEdge, type DgraphSelection, selectionText } from "./selection.js";

/** Options of {@link dgraphLookup}. */
export type DgraphLookupOptions<V> = DgraphConnection & {
  /** The predicate that is looked up in; it needs an index. */
  readonly by: string;
  readonly select: readonly DgraphSelection[];
  /** Default: the node as it is. */
  readonly value?: (node: DgraphRow) => V;
  /** Default: `dgraph.BY`. */
  readonly name?: string;
  /** Keys a query (100). */
  readonly keysAQuery?: number;
  /** Queries in flight (4). */
  readonly concurrency?: number;
};

/**
 * Finds nodes by a predicate, many keys in one query, for `lookup()`. Keys travel as variables, never in the query's text. Two nodes with one key are an error.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { dgraphLookup } from "@millrace/dgraph";
 * const circles = dgraphLookup<string>({
 *   url: "127.0.0.1:9080", by: "citizenID", select: [{ edge: "friends", select: ["citizenID"] }],
 * });
 * const known = from(["ada"]).lookup((id) => id, circles, (id, node) => `${id}: ${node?.uid ?? "unknown"}`).collect();
 * ```
 */
export function dgraphLookup<Q extends Key, V = DgraphRow>(options: DgraphLookupOptions<V>): Lookup<Q, V> {
  const { by, select, name = partName(by), keysAQuery = 100, concurrency = 4 } = options;
  requireName(by, "dgraphLookup: by");
  const fields = selectionText(select, "dgraphLookup");
  requireArgument(
    Number.isInteger(keysAQuery) && keysAQuery >= 1,
    `dgraphLookup: keysAQuery must be a whole number from 1; it is ${keysAQuery}`,
  );
  const limit = pLimit(concurrency);
  let open: DgraphClient | undefined;
  const client = (): DgraphClient => {
    if (open === undefined) throw new StreamError("E_LOOKUP", `dgraphLookup "${name}" is not connected`);
    return open;
  };
  const ask = async (keys: readonly Q[], found: Map<Q, V>, signal: AbortSignal): Promise<void> => {
    const rows = await rowsOf(client(), by, fields, keys, signal);
    for (const [key, [node, other]] of rows) {
      if (other !== undefined)
        throw new WriteError(
          "poison",
          "E_DGRAPH_DUPLICATE",
          `dgraphLookup "${name}": the nodes ${node.uid} and ${other.uid} both have ${by} ${JSON.stringify(String(key))}`,
        );
      const cut = cutEdge(node, select);
      if (cut !== undefined)
        throw new WriteError(
          "poison",
          "E_DGRAPH_EDGES",
          `dgraphLookup "${name}": node ${cut.uid} has more than ${cut.first} edges ${cut.edge}: raise \`first\` of that edge`,
        );
      found.set(key, options.value === undefined ? (node as V) : options.value(node));
    }
  };
  return {
    name,
    connect: async ({ signal }) => {
      const connected = await DgraphClient.open(options, signal);
      const { predicates } = await readSchema(connected, signal).catch((error) => {
        connected.close();
        throw error;
      });
      if ((predicates.get(by)?.tokenizers.length ?? 0) === 0) {
        connected.close();
        throw new StreamError(
          "E_DGRAPH_SCHEMA",
          `dgraphLookup "${name}": "${by}" is no predicate with an index, so nothing can be looked up in it`,
        );
      }
      open = connected;
    },
    fetch: async (keys, { signal }) => {
      const found = new Map<Q, V>();
      const parts: Q[][] = [];
      for (let i = 0; i < keys.length; i += keysAQuery) parts.push(keys.slice(i, i + keysAQuery));
      await Promise.all(parts.map((part) => limit(() => ask(part, found, signal))));
      return found;
    },
    health: () => client().probe(),
    close: async () => {
      open?.close();
      open = undefined;
    },
  };
}

/** One block a key, each with a variable of its own: up to two nodes of each key that has one. */
async function rowsOf<Q extends Key>(
  client: DgraphClient,
  by: string,
  fields: string,
  keys: readonly Q[],
  signal: AbortSignal,
): Promise<readonly (readonly [key: Q, nodes: readonly [DgraphRow, DgraphRow?]])[]> {
  const vars: Record<string, string> = {};
  const blocks = keys.map((key, i) => {
    vars[`k${i}`] = variableText(key, "dgraphLookup: a key");
    return `k${i}(func: eq(${nameText(by)}, $k${i}), first: 2) { ${fields} }`;
  });
  const declared = keys.map((_, i) => `$k${i}: string`).join(", ");
  const { data } = await client.read({ query: `query q(${declared}) {\n${blocks.join("\n")}\n}`, vars, signal });
  const answer = data as Readonly<Record<string, readonly DgraphRow[]>>;
  return keys.flatMap((key, i) => {
    const nodes = answer[`k${i}`] ?? [];
    return nodes.length === 0 ? [] : [[key, nodes as unknown as readonly [DgraphRow, DgraphRow?]] as const];
  });
}
