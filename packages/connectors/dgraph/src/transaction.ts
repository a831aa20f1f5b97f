import { type DgraphClientStub, Mutation, Request, TxnContext } from "dgraph-js";
import type { DgraphClient } from "./dgraph-client.js";
import { parseAnswer } from "./json-answer.js";

/** Changes under a condition over the query's variables; without one, always. */
export interface GraphMutation {
  readonly condition?: string;
  /** N-Quads, a line each. Of one mutation the deletes are done first. */
  readonly deletes: readonly string[];
  readonly sets: readonly string[];
}

/** An upsert block: what is looked for, and what is changed. */
export interface UpsertBlock {
  readonly query: string;
  /** By name, without the dollar. */
  readonly vars: Readonly<Record<string, string>>;
  readonly mutations: readonly GraphMutation[];
}

/**
 * One transaction at one alpha. Its timestamp is taken by its first request and its outcome is decided by `commit()`: a request or a commit that reaches
 * the server late meets what was committed meanwhile, and is refused. A commit that comes along with the request would overwrite it.
 */
export class Transaction {
  readonly #client: DgraphClient;
  readonly #stub: DgraphClientStub;
  readonly #signal: AbortSignal | undefined;
  #startTs = 0;
  #hash = "";
  readonly #keys = new Set<string>();
  readonly #predicates = new Set<string>();

  constructor(client: DgraphClient, signal: AbortSignal | undefined) {
    this.#client = client;
    this.#stub = client.stub();
    this.#signal = signal;
  }

  /** Runs a block; it sees what earlier ones of the transaction changed. */
  async run({ query, vars, mutations }: UpsertBlock): Promise<unknown> {
    const request = new Request();
    request.setQuery(query);
    request.setStartTs(this.#startTs);
    request.setHash(this.#hash);
    for (const [name, value] of Object.entries(vars)) request.getVarsMap().set(`$${name}`, value);
    request.setMutationsList(mutations.map(mutationOf));
    const response = await this.#client.call(
      this.#stub,
      "mutate",
      (stub, metadata, options) => stub.query(request, metadata, options),
      this.#signal,
    );
    const context = response.getTxn();
    if (context !== undefined) {
      this.#startTs = context.getStartTs();
      this.#hash = context.getHash();
      // Conflicts are found by these: one that is left out is one that is not found.
      for (const key of context.getKeysList()) this.#keys.add(key);
      for (const predicate of context.getPredsList()) this.#predicates.add(predicate);
    }
    return parseAnswer(response.getJson_asU8());
  }

  async commit(): Promise<void> {
    const context = this.#context(false);
    await this.#client.call(
      this.#stub,
      "commit",
      (stub, metadata, options) => stub.commitOrAbort(context, metadata, options),
      this.#signal,
    );
  }

  /** Gives up; the server forgets it by itself too, only later. */
  async discard(): Promise<void> {
    if (this.#startTs === 0) return;
    const context = this.#context(true);
    await this.#client
      .call(this.#stub, "read", (stub, metadata, options) => stub.commitOrAbort(context, metadata, options))
      .catch(() => {});
  }

  #context(aborted: boolean): TxnContext {
    const context = new TxnContext();
    context.setStartTs(this.#startTs);
    context.setHash(this.#hash);
    context.setKeysList([...this.#keys]);
    context.setPredsList([...this.#predicates]);
    context.setAborted(aborted);
    return context;
  }
}

function mutationOf({ condition, deletes, sets }: GraphMutation): Mutation {
  const mutation = new Mutation();
  if (condition !== undefined) mutation.setCond(condition);
  if (deletes.length > 0) mutation.setDelNquads(bytesOf(deletes));
  if (sets.length > 0) mutation.setSetNquads(bytesOf(sets));
  return mutation;
}

function bytesOf(lines: readonly string[]): Uint8Array {
  // Several edges to a node each say that it must be there.
  return Buffer.from([...new Set(lines)].join("\n"));
}
