import {
  messageOf,
  type PoisonValue,
  requireArgument,
  type Source,
  type SourceBatch,
  type SourceReader,
  StreamError,
  WriteError,
} from "@millrace/core";
import { DgraphClient, type Snapshot } from "./dgraph-client.js";
import type { DgraphConnection } from "./dgraph-connection.js";
import { nameText, partName, requireName } from "./names.js";
import { readSchema } from "./predicate-schema.js";
import { compareScans, positionText, type ScanPosition, scanPosition } from "./scan-position.js";
import { cutEdge, type DgraphSelection, selectionText } from "./selection.js";

/** A node of an answer: its `uid`, and what was selected. Ints over 2^53 are bigints. */
export type DgraphRow = { readonly uid: string } & Readonly<Record<string, unknown>>;

/** Options of {@link dgraphSource}. */
export type DgraphSourceOptions<T> = DgraphConnection & {
  /** Which nodes: of this `dgraph.type`, or with this predicate. */
  readonly nodes: { readonly type: string } | { readonly has: string };
  readonly select: readonly DgraphSelection[];
  /** A node to a value. What it throws goes to the first `onError` below. */
  readonly decode: (node: DgraphRow) => T;
  /** Default: `dgraph.TYPE` or `dgraph.PREDICATE`. */
  readonly name?: string;
  /** Nodes a query (500). */
  readonly pageSize?: number;
};

/**
 * Scans nodes in the order of their uids, all pages at one read timestamp: what is written meanwhile is not seen, and nothing is seen twice or half. A resume goes on in
 * the same snapshot; where Dgraph no longer has it, it fails with `E_DGRAPH_SNAPSHOT_GONE`. Ends when all are read.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { dgraphSource } from "@millrace/dgraph";
 * const citizens = dgraphSource({
 *   url: "127.0.0.1:9080", nodes: { type: "Citizen" },
 *   select: ["citizenID", { edge: "friends", select: ["citizenID"], facets: true }],
 *   decode: (node) => String(node.citizenID),
 * });
 * const ids = from(citizens).collect();
 * ```
 */
export function dgraphSource<T>(options: DgraphSourceOptions<T>): Source<T> {
  const { nodes, select, pageSize = 500 } = options;
  const root = "type" in nodes ? nodes.type : nodes.has;
  const { name = partName(root) } = options;
  requireName(root, "dgraphSource: nodes");
  selectionText(select, "dgraphSource");
  requireArgument(
    Number.isInteger(pageSize) && pageSize >= 1,
    `dgraphSource: pageSize must be a whole number from 1; it is ${pageSize}`,
  );
  return {
    name,
    bounded: true,
    connect: async ({ signal }) => {
      const client = await DgraphClient.open(options, signal);
      try {
        const { predicates, types } = await readSchema(client, signal);
        if (!("type" in nodes ? types : predicates).has(root))
          throw new StreamError(
            "E_DGRAPH_SCHEMA",
            `dgraphSource "${name}": "${root}" is no ${"type" in nodes ? "type" : "predicate"} of this Dgraph, or one that this user may not see`,
          );
      } catch (error) {
        client.close();
        throw error;
      }
      return {
        subscribe: (listener) => listener.assigned(["0"], 1),
        open: async (_partition, position) => new ScanReader(client, options, name, scanPosition(position)),
        comparePositions: (left, right) => compareScans(scanPosition(left), scanPosition(right)),
        health: () => client.probe(),
        close: async () => client.close(),
      };
    },
  };
}

class ScanReader<T> implements SourceReader<T> {
  readonly #client: DgraphClient;
  readonly #options: DgraphSourceOptions<T>;
  readonly #name: string;
  readonly #ending = new AbortController();
  #snapshot: Snapshot | undefined;
  #after: string;
  #pageSize: number;
  #ended = false;

  constructor(client: DgraphClient, options: DgraphSourceOptions<T>, name: string, position: ScanPosition) {
    this.#client = client;
    this.#options = options;
    this.#name = name;
    this.#pageSize = options.pageSize ?? 500;
    // A scan that was over goes on behind its last node, in what there is now.
    this.#snapshot = position.over ? undefined : position.at;
    this.#after = position.after;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    if (this.#ended) return undefined;
    try {
      const { rows, asked } = await this.#page();
      this.#ended = rows.length < asked;
      return this.#batch(rows);
    } catch (error) {
      if (this.#ending.signal.aborted) return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#ended = true;
    this.#ending.abort();
  }

  async #page(): Promise<{ readonly rows: readonly DgraphRow[]; readonly asked: number }> {
    for (;;) {
      const asked = this.#pageSize;
      try {
        const { data, at } = await this.#client.read({
          query: this.#query(asked),
          signal: this.#ending.signal,
          // A server that restarts is away for longer than the engine tries again.
          patient: true,
          ...(this.#snapshot === undefined ? {} : { at: this.#snapshot }),
        });
        this.#snapshot ??= at;
        return { rows: (data as { readonly scan?: readonly DgraphRow[] }).scan ?? [], asked };
      } catch (error) {
        if (!(error instanceof WriteError)) throw error;
        if (error.code === "E_DGRAPH_TOO_OLD") throw this.#gone(error);
        if (error.code !== "E_DGRAPH_TOO_LARGE" || asked === 1) throw error;
        this.#pageSize = Math.ceil(asked / 2);
      }
    }
  }

  /** `after` takes no variable: the uid has been checked to be one. */
  #query(first: number): string {
    const { nodes, select } = this.#options;
    const root = "type" in nodes ? `type(${nameText(nodes.type)})` : `has(${nameText(nodes.has)})`;
    return `{ scan(func: ${root}, first: ${first}, after: ${this.#after}) { ${selectionText(select, "dgraphSource")} } }`;
  }

  #batch(rows: readonly DgraphRow[]): SourceBatch<T> {
    const values: T[] = [];
    const offsets: string[] = [];
    const poison: PoisonValue[] = [];
    for (const row of rows) {
      const cut = cutEdge(row, this.#options.select);
      if (cut !== undefined)
        throw new StreamError(
          "E_DGRAPH_EDGES",
          `dgraphSource "${this.#name}": node ${cut.uid} has more than ${cut.first} edges ${cut.edge}: raise \`first\` of that edge`,
        );
      try {
        values.push(this.#options.decode(row));
        offsets.push(row.uid);
      } catch (error) {
        const raw = Buffer.from(JSON.stringify(row, (_key, each) => (typeof each === "bigint" ? String(each) : each)));
        poison.push({ offset: row.uid, raw, error: { code: "E_DECODE", message: messageOf(error) } });
      }
    }
    this.#after = rows.at(-1)?.uid ?? this.#after;
    const position = positionText({ at: this.#snapshot as Snapshot, after: this.#after, over: this.#ended });
    return { values, offsets, position, ...(poison.length === 0 ? {} : { poison }) };
  }

  #gone(cause: WriteError): StreamError {
    return new StreamError(
      "E_DGRAPH_SNAPSHOT_GONE",
      `dgraphSource "${this.#name}": Dgraph no longer has the snapshot of timestamp ${this.#snapshot?.ts} that this scan was reading, so the rest of it can not be read: begin anew, without the checkpoint`,
      { cause },
    );
  }
}
