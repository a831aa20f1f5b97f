import { GraphEdit } from "./graph-edit.js";
import { GraphStore } from "./graph-store.js";
import { GraphView } from "./graph-view.js";
import type { Statement } from "./n-quad-parser.js";
import { Oracle, type Pending } from "./oracle.js";
import { parseCondition, parseQuery } from "./query-parser.js";
import { conditionHolds, runQuery } from "./query-run.js";
import type { Filter } from "./query-tree.js";
import type { Kind } from "./scalar.js";
import { type Predicate, parseSchema, schemaJson } from "./schema-text.js";
import { type LogRecord, WriteAheadFile } from "./write-ahead-file.js";

/** One mutation of an upsert. */
export interface MutationText {
  readonly condition: string;
  readonly deletes: readonly Statement[];
  readonly sets: readonly Statement[];
}

const TS_AFTER_RESTART = 10_000;

/** The graph: schema, data, transactions, and the file that outlives the process. */
export class GraphDatabase {
  readonly oracle: Oracle = new Oracle();
  readonly store: GraphStore = new GraphStore();
  readonly #schema = {
    predicates: new Map<string, Predicate>(),
    types: new Map<string, readonly string[]>(),
  };
  readonly #log: WriteAheadFile | undefined;
  #lastUid = 0;

  /** Without a path nothing outlives it. */
  constructor(path: string | undefined) {
    this.#log = path === undefined ? undefined : WriteAheadFile.open(path, (record) => this.#replay(record));
    if (path !== undefined) this.oracle.raiseTo(this.oracle.next() + TS_AFTER_RESTART);
  }

  /** Answers a query at a timestamp; a transaction sees its own changes. */
  query(text: string, vars: ReadonlyMap<string, string>, ts: number): string {
    if (/^\s*schema\s*(\([^)]*\))?\s*\{[^}]*\}\s*$/.test(text)) return schemaJson(this.#schema);
    const view = new GraphView(this.store, ts, this.oracle.find(ts)?.own);
    return runQuery(parseQuery(text, vars), view, this.#schema).json;
  }

  /** Runs an upsert inside a transaction: what it answers, and the nodes it made. */
  upsert(
    pending: Pending,
    text: string,
    vars: ReadonlyMap<string, string>,
    mutations: readonly MutationText[],
  ): { readonly json: string; readonly made: ReadonlyMap<string, number> } {
    const view = new GraphView(this.store, pending.startTs, pending.own);
    const conditions = mutations.map(({ condition }) => (condition === "" ? undefined : parseCondition(condition)));
    const used = new Set([...mutations.flatMap(variablesOf), ...conditions.flatMap(lengthsOf)]);
    const { json, variables } = runQuery(text.trim() === "" ? [] : parseQuery(text, vars), view, this.#schema, used);
    // All conditions are about what was before any of the mutations.
    const holding = mutations.filter((_, i) => {
      const condition = conditions[i];
      return condition === undefined || conditionHolds(condition, variables);
    });
    const edit = new GraphEdit(
      {
        view,
        own: pending.own,
        keys: pending.keys,
        predicate: (name, kind) => this.#predicate(name, kind),
        predicatesOfType: (type) => this.#schema.types.get(type) ?? [],
        newUid: () => ++this.#lastUid,
      },
      variables,
    );
    edit.run(
      holding.flatMap(({ deletes }) => deletes),
      holding.flatMap(({ sets }) => sets),
    );
    return { json, made: edit.made };
  }

  /** Commits; resolves when it is on disk. */
  async commit(startTs: number, keys: readonly string[]): Promise<number> {
    const { pending, commitTs } = this.oracle.decide(startTs, keys);
    this.store.apply(pending.own, commitTs);
    await this.#log?.append({ kind: "commit", ts: commitTs, uid: this.#lastUid, changes: pending.own });
    return commitTs;
  }

  async alter(text: string): Promise<void> {
    const declared = parseSchema(text);
    this.oracle.abortAll();
    const ts = this.oracle.next();
    this.#declare(declared, ts);
    await this.#log?.append({ kind: "schema", ts, text });
  }

  async dropAll(): Promise<void> {
    this.oracle.abortAll();
    this.#clear();
    await this.#log?.append({ kind: "drop", ts: this.oracle.next() });
  }

  close(): void {
    this.#log?.close();
  }

  /** What is written without being declared is of the type of its first value. */
  #predicate(name: string, kind: Kind): Predicate {
    const known = this.#schema.predicates.get(name);
    if (known !== undefined) return known;
    const text = `<${name}>: ${kind === "uid" ? "[uid]" : kind} .`;
    this.#declare(parseSchema(text), this.oracle.next());
    void this.#log?.append({ kind: "schema", ts: this.oracle.next(), text });
    return this.#schema.predicates.get(name) as Predicate;
  }

  #declare({ predicates, types }: ReturnType<typeof parseSchema>, ts: number): void {
    for (const [name, predicate] of predicates) {
      const reverses = predicate.reverse && this.#schema.predicates.get(name)?.reverse !== true;
      this.#schema.predicates.set(name, predicate);
      if (reverses) this.#reverse(name, ts);
    }
    for (const [name, fields] of types) this.#schema.types.set(name, fields);
  }

  #reverse(name: string, ts: number): void {
    const view = new GraphView(this.store, ts);
    const reversed = new Map<number, Map<string, object>>();
    for (const uid of view.nodesWith(name, 0))
      for (const [to, entry] of view.read(name, uid)) {
        const posting = reversed.get(Number(to)) ?? new Map();
        reversed.set(Number(to), posting.set(String(uid), entry));
      }
    this.store.apply(new Map([[`~${name}`, reversed]]), ts);
  }

  #clear(): void {
    this.store.clear();
    this.#schema.predicates.clear();
    this.#schema.types.clear();
  }

  #replay(record: LogRecord): void {
    this.oracle.raiseTo(record.ts);
    if (record.kind === "schema") this.#declare(parseSchema(record.text), record.ts);
    else if (record.kind === "drop") this.#clear();
    else {
      this.store.apply(record.changes, record.ts);
      this.#lastUid = Math.max(this.#lastUid, record.uid);
    }
  }
}

function variablesOf({ deletes, sets }: MutationText): string[] {
  return [...deletes, ...sets].flatMap(({ subject, target }) => [
    ...("variable" in subject ? [subject.variable] : []),
    ...(target.kind === "node" && "variable" in target.node ? [target.node.variable] : []),
  ]);
}

function lengthsOf(filter: Filter | undefined): string[] {
  if (filter === undefined) return [];
  if (filter.kind === "call") return filter.call.length ? [filter.call.attribute] : [];
  return filter.kind === "not" ? lengthsOf(filter.part) : filter.parts.flatMap(lengthsOf);
}
