import { StreamError } from "@millrace/core";
import { DgraphClient } from "./dgraph-client.js";
import type { DgraphConnection } from "./dgraph-connection.js";
import { Dql } from "./dql.js";

/** A connection for queries of an application's own. */
export interface DgraphQueries {
  /** The answer's JSON; ints over 2^53 are bigints. Reads one snapshot, changes nothing. Throws a `WriteError`. */
  ask(query: Dql, options?: { readonly signal?: AbortSignal }): Promise<Readonly<Record<string, unknown>>>;
  close(): void;
}

/**
 * Connects for read-only queries made by {@link dql}. Plain text is refused.
 *
 * @example
 * ```ts
 * import { dgraphQueries, dql } from "@millrace/dgraph";
 * const graph = await dgraphQueries({ url: "127.0.0.1:9080" });
 * const id = "ada";
 * const { found } = await graph.ask(dql`{ found(func: eq(citizenID, ${id})) { friends { citizenID } } }`);
 * graph.close();
 * ```
 */
export async function dgraphQueries(connection: DgraphConnection): Promise<DgraphQueries> {
  const client = await DgraphClient.open(connection);
  // What the credentials are good for shows at the first query only.
  await client.read({ query: "{ me(func: uid(0x1)) { uid } }" }).catch((error: unknown) => {
    client.close();
    throw error;
  });
  return {
    ask: async (query, { signal } = {}) => {
      if (!(query instanceof Dql))
        throw new StreamError(
          "E_ARGUMENT",
          "dgraphQueries: make the query with the dql template tag, so that its values are variables",
        );
      const { text, vars } = query;
      const { data } = await client.read({ query: text, vars, ...(signal === undefined ? {} : { signal }) });
      return data as Readonly<Record<string, unknown>>;
    },
    close: () => client.close(),
  };
}
