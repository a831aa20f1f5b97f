import {
  type BatchPolicy,
  type RuntimeContext,
  requireArgument,
  type Sink,
  type SinkConnection,
  type SinkWriter,
  StreamError,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "@millrace/core";
import { ConflictLanes } from "./conflict-lanes.js";
import { DgraphClient } from "./dgraph-client.js";
import type { DgraphConnection } from "./dgraph-connection.js";
import type { DgraphWrite } from "./dgraph-write.js";
import { UnwritableValue } from "./n-quad.js";
import { partName, requireName } from "./names.js";
import { type GraphSchema, readSchema, requireXid } from "./predicate-schema.js";
import { Transaction } from "./transaction.js";
import { type BlockRules, upsertBlock } from "./upsert-block.js";
import { editOf, type NodeEdit } from "./write-edit.js";
import { planSteps, touchedBy } from "./write-plan.js";

/** Options of {@link dgraphSink}. */
export type DgraphSinkOptions<T> = DgraphConnection & {
  /** The predicate that holds the external id: a string with an exact or hash index and `@upsert`. */
  readonly xid: string;
  /** What a value does to the graph; undefined: nothing. */
  readonly write: (value: T) => DgraphWrite | readonly DgraphWrite[] | undefined;
  /** The `dgraph.type` of every node that the sink makes. */
  readonly type?: string;
  /** An `int` predicate that holds a node's version: a write is done only if its own is larger. */
  readonly version?: string;
  /** The only predicates that may be written, and those that a deleted node loses (all of the schema). */
  readonly predicates?: readonly string[];
  /** Default: `dgraph.XID`. */
  readonly name?: string;
  /** Values a transaction. Default: 200. */
  readonly batch?: BatchPolicy;
  /** Transactions in flight of a task (1). With more, values of one key stay in order on a keyed stream. */
  readonly concurrency?: number;
  /** Transactions in flight of all tasks of the process (16). */
  readonly maxTransactions?: number;
};

/** After as many failed tries a batch is tried in two parts, then in four. */
const TRIES_BEFORE_HALVING = 2;

/**
 * Upserts nodes and edges by external id: one transaction a batch, in which each node and edge is changed once. A transaction that another one aborts is tried again,
 * after several times in smaller parts. What can not be written (a value of the wrong type) goes to `onError`, the others are written.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { dgraphSink } from "@millrace/dgraph";
 * const friends = dgraphSink<{ a: string; b: string; since: Date }>({
 *   url: "127.0.0.1:9080", xid: "citizenID", type: "Citizen",
 *   write: ({ a, b, since }) => ({ kind: "edge", from: a, predicate: "friends", to: b, facets: { since } }),
 * });
 * const done = from([{ a: "ada", b: "bob", since: new Date() }]).to(friends).run();
 * ```
 */
export function dgraphSink<T>(options: DgraphSinkOptions<T>): Sink<T> {
  const { xid, type, version, predicates, name = partName(xid), batch = { size: 200 }, concurrency = 1 } = options;
  const { maxTransactions = 16 } = options;
  requireName(xid, "dgraphSink: xid");
  if (type !== undefined) requireName(type, "dgraphSink: type");
  if (version !== undefined) requireName(version, "dgraphSink: version");
  for (const predicate of predicates ?? []) requireName(predicate, "dgraphSink: a predicate");
  for (const [what, count] of Object.entries({ concurrency, maxTransactions }))
    requireArgument(
      Number.isInteger(count) && count >= 1,
      `dgraphSink: ${what} must be a whole number from 1; it is ${count}`,
    );
  return {
    name,
    writes: version === undefined ? "idempotent" : "versioned",
    batch,
    concurrency,
    metadata: false,
    connect: async ({ signal }: RuntimeContext): Promise<SinkConnection<T>> => {
      const client = await DgraphClient.open(options, signal);
      try {
        const rules = rulesOf(options, await readSchema(client, signal));
        const lanes = new ConflictLanes(maxTransactions);
        return {
          open: async () => new UpsertWriter(client, rules, lanes, options.write),
          health: () => client.probe(),
          close: async () => client.close(),
        };
      } catch (error) {
        client.close();
        throw error;
      }
    },
  };
}

/** Throws where the schema lacks what every write would fail for. */
function rulesOf<T>({ xid, type, version, predicates }: DgraphSinkOptions<T>, schema: GraphSchema): BlockRules {
  requireXid(schema, xid, "dgraphSink");
  const refuse = (what: string): StreamError => new StreamError("E_DGRAPH_SCHEMA", `dgraphSink: ${what}`);
  const known = new Set(schema.predicates.keys());
  for (const predicate of predicates ?? [])
    if (!known.has(predicate))
      throw refuse(`"${predicate}" is no predicate of this Dgraph: declare it with ensureSchema`);
  if (type !== undefined && !schema.types.has(type))
    throw refuse(`"${type}" is no type of this Dgraph: declare it with ensureSchema`);
  if (version !== undefined) {
    const state = schema.predicates.get(version);
    if (state?.kind !== "int" || state.list)
      throw refuse(
        `the version "${version}" must be a predicate of type int; ${state === undefined ? "there is none" : `it is ${state.kind}`}`,
      );
  }
  return { schema, xid, type, version, allowed: predicates === undefined ? undefined : new Set(predicates) };
}

/** A value's place in a write, and what it does. */
interface Placed {
  readonly place: number;
  readonly edits: readonly NodeEdit[];
}

class UpsertWriter<T> implements SinkWriter<T> {
  readonly #client: DgraphClient;
  readonly #rules: BlockRules;
  readonly #lanes: ConflictLanes;
  readonly #write: (value: T) => DgraphWrite | readonly DgraphWrite[] | undefined;

  constructor(
    client: DgraphClient,
    rules: BlockRules,
    lanes: ConflictLanes,
    write: (value: T) => DgraphWrite | readonly DgraphWrite[] | undefined,
  ) {
    this.#client = client;
    this.#rules = rules;
    this.#lanes = lanes;
    this.#write = write;
  }

  async write(values: readonly T[], { attempt, signal }: WriteContext): Promise<readonly WriteOutcome[]> {
    const outcomes = new Array<WriteOutcome>(values.length).fill("written");
    const placed: Placed[] = [];
    values.forEach((value, place) => {
      const edits = this.#edits(value);
      if (edits instanceof UnwritableValue)
        outcomes[place] = { class: "poison", code: "E_DGRAPH_VALUE", message: edits.message };
      else if (edits.length > 0) placed.push({ place, edits });
    });
    const parts = inParts(placed, attempt);
    for (const [number, part] of parts.entries()) {
      const failure = await this.#transact(part, signal);
      if (failure === undefined) continue;
      // Nothing of the batch is written: the engine may halve it.
      if (number === 0) throw failure;
      const { code, message } = failure;
      // A part that was refused holds a bad value, but is not all bad: the next try finds it at its head.
      const errorClass = failure.class === "poison" ? "conflict" : failure.class;
      // What is behind it may touch the same nodes, and must not pass it.
      for (const { place } of parts.slice(number).flat()) outcomes[place] = { class: errorClass, code, message };
      break;
    }
    return outcomes;
  }

  async close(): Promise<void> {}

  #edits(value: T): readonly NodeEdit[] | UnwritableValue {
    const writes = this.#write(value);
    try {
      const list: readonly DgraphWrite[] = writes === undefined ? [] : isList(writes) ? writes : [writes];
      return list.map((write) => editOf(write, this.#rules));
    } catch (error) {
      if (error instanceof UnwritableValue) return error;
      throw error;
    }
  }

  /** Writes values in one transaction; the failure, if nothing of them was written or nobody knows. */
  async #transact(part: readonly Placed[], signal: AbortSignal): Promise<WriteError | undefined> {
    const edits = part.flatMap((each) => each.edits);
    try {
      await this.#lanes.run(touchedBy(edits), () => this.#commit(edits, signal));
      return undefined;
    } catch (error) {
      if (error instanceof WriteError) return named(error, part);
      throw error;
    }
  }

  async #commit(edits: readonly NodeEdit[], signal: AbortSignal): Promise<void> {
    const transaction = new Transaction(this.#client, signal);
    try {
      for (const step of planSteps(edits)) await transaction.run(upsertBlock(step, this.#rules));
    } catch (error) {
      await transaction.discard();
      throw error;
    }
    await transaction.commit();
  }
}

function isList(writes: DgraphWrite | readonly DgraphWrite[]): writes is readonly DgraphWrite[] {
  return Array.isArray(writes);
}

/** The later the try, the smaller the parts: large transactions meet others more often. */
function inParts(placed: readonly Placed[], attempt: number): readonly (readonly Placed[])[] {
  if (placed.length === 0) return [];
  const wanted = 2 ** Math.max(0, Math.floor((attempt - 1) / TRIES_BEFORE_HALVING));
  const size = Math.max(1, Math.ceil(placed.length / wanted));
  const parts: Placed[][] = [];
  for (let i = 0; i < placed.length; i += size) parts.push(placed.slice(i, i + size));
  return parts;
}

/** A value that was refused alone is named by the node it is about. */
function named(error: WriteError, part: readonly Placed[]): WriteError {
  const id = part[0]?.edits[0]?.id;
  if (error.class !== "poison" || part.length !== 1 || id === undefined) return error;
  const message = `node ${JSON.stringify(id.slice(0, 100))}: ${error.message}`;
  return new WriteError(error.class, error.code, message, { cause: error.cause, atomic: error.atomic });
}
