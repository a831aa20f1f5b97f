import type { Changes, Entry, Posting } from "./graph-store.js";
import type { GraphView } from "./graph-view.js";
import type { NodeName, Statement, Target } from "./n-quad-parser.js";
import type { Variables } from "./query-run.js";
import { Refusal } from "./refusal.js";
import { convert, type Kind, type Scalar } from "./scalar.js";
import type { Predicate } from "./schema-text.js";

/** What a request's statements need of the transaction that they are in. */
export interface EditWorld {
  readonly view: GraphView;
  readonly own: Changes;
  /** What other transactions must not have touched. */
  readonly keys: Set<string>;
  predicate(name: string, kindOfFirst: Kind): Predicate;
  predicatesOfType(type: string): readonly string[];
  newUid(): number;
}

const TYPE: Predicate = {
  kind: "string",
  list: true,
  tokenizers: ["exact"],
  upsert: false,
  reverse: false,
  count: false,
  lang: false,
  unique: false,
};

/** Applies the statements of one request; its blank nodes are the same in all of its mutations. */
export class GraphEdit {
  readonly #world: EditWorld;
  readonly #variables: Variables;
  /** Nodes that the request has made, by blank name or variable. */
  readonly made: Map<string, number> = new Map();

  constructor(world: EditWorld, variables: Variables) {
    this.#world = world;
    this.#variables = variables;
  }

  /** Deletes come first. */
  run(deletes: readonly Statement[], sets: readonly Statement[]): void {
    for (const statement of deletes)
      for (const uid of this.#nodes(statement.subject, false)) this.#delete(uid, statement);
    for (const statement of sets) for (const uid of this.#nodes(statement.subject, true)) this.#set(uid, statement);
  }

  #nodes(name: NodeName, makes: boolean): readonly number[] {
    if ("uid" in name) return [name.uid];
    if ("variable" in name) {
      const found = this.#variables.get(name.variable);
      if (found === undefined) throw new Refusal(`Some variables are used but not defined: [${name.variable}]`);
      if (found.length > 0) return found;
    }
    if (!makes) return [];
    const key = "variable" in name ? `uid(${name.variable})` : name.blank;
    let uid = this.made.get(key);
    if (uid === undefined) {
      uid = this.#world.newUid();
      this.made.set(key, uid);
    }
    return [uid];
  }

  #set(uid: number, { predicate: name, language, target, facets }: Statement): void {
    if (target.kind === "all" || name === "*") throw new Refusal("Cannot use star in set n-quad");
    const predicate = this.#predicate(name, target);
    if (target.kind === "node") {
      if (predicate.kind !== "uid")
        throw new Refusal(`Input for predicate ${JSON.stringify(name)} of type scalar is uid`);
      for (const to of this.#nodes(target.node, true)) this.#setEdge(uid, name, predicate, to, facets);
      return;
    }
    if (predicate.kind === "uid")
      throw new Refusal(`Input for predicate ${JSON.stringify(name)} of type uid is scalar`);
    if (language !== "" && !predicate.lang)
      throw new Refusal(`Attr: [${name}] should have @lang directive in schema to mutate edge: [${language}]`);
    const value = convert(target.value, predicate.kind);
    const posting = this.#posting(name, uid);
    const key = predicate.list ? value.text : language;
    if (predicate.unique && /["\\\n]/.test(value.text))
      throw new Refusal(`while lexing var(func: eq(${name}, "${value.text}")): the value is put into a query as it is`);
    if (predicate.unique)
      for (const other of this.#world.view.nodesBy(name, value.text))
        if (other !== uid)
          throw new Refusal(`could not insert duplicate value [${value.text}] for predicate [${name}]`);
    this.#touch(name, predicate, uid, value.text);
    const before = posting.get(key)?.value;
    if (before !== undefined) this.#touchIndex(name, predicate, before);
    this.#touchIndex(name, predicate, value);
    posting.set(key, { value });
  }

  #setEdge(uid: number, name: string, predicate: Predicate, to: number, facets: ReadonlyMap<string, Scalar>): void {
    const posting = this.#posting(name, uid);
    if (!predicate.list) for (const other of [...posting.keys()]) this.#cutEdge(uid, name, predicate, Number(other));
    this.#touch(name, predicate, uid, String(to));
    posting.set(String(to), facets.size === 0 ? {} : { facets });
    if (predicate.reverse) this.#posting(`~${name}`, to).set(String(uid), facets.size === 0 ? {} : { facets });
  }

  #delete(uid: number, { predicate: name, language, target }: Statement): void {
    if (name === "*") {
      // Only what the node's types name.
      for (const { value } of this.#world.view.read("dgraph.type", uid).values())
        for (const each of this.#world.predicatesOfType(value?.text ?? "")) this.#clear(uid, each, "");
      this.#clear(uid, "dgraph.type", "");
      return;
    }
    if (target.kind === "all") {
      this.#clear(uid, name, language);
      return;
    }
    const predicate = this.#predicate(name, target);
    if (target.kind === "node") {
      for (const to of this.#nodes(target.node, false)) this.#cutEdge(uid, name, predicate, to);
      return;
    }
    const value = convert(target.value, predicate.kind);
    const key = predicate.list ? value.text : language;
    const posting = this.#posting(name, uid);
    if (posting.get(key)?.value?.text !== value.text) return;
    this.#touch(name, predicate, uid, value.text);
    this.#touchIndex(name, predicate, value);
    posting.delete(key);
  }

  #clear(uid: number, name: string, language: string): void {
    const predicate = this.#predicate(name, undefined);
    const posting = this.#posting(name, uid);
    for (const [key, { value }] of [...posting]) {
      if (language !== "" && key !== language) continue;
      if (predicate.kind === "uid") {
        this.#cutEdge(uid, name, predicate, Number(key));
        continue;
      }
      this.#touch(name, predicate, uid, key);
      if (value !== undefined) this.#touchIndex(name, predicate, value);
      posting.delete(key);
    }
    this.#touch(name, predicate, uid, "*");
  }

  #cutEdge(uid: number, name: string, predicate: Predicate, to: number): void {
    this.#touch(name, predicate, uid, String(to));
    this.#posting(name, uid).delete(String(to));
    if (predicate.reverse) this.#posting(`~${name}`, to).delete(String(uid));
  }

  #predicate(name: string, target: Target | undefined): Predicate {
    if (name === "dgraph.type") return TYPE;
    return this.#world.predicate(
      name,
      target?.kind === "node" ? "uid" : target?.kind === "value" ? target.value.kind : "default",
    );
  }

  /** As Dgraph's conflict keys: the whole list of a node where it is single or @upsert, else each value for itself. */
  #touch(name: string, { list, upsert }: Predicate, uid: number, value: string): void {
    this.#world.keys.add(list && !upsert ? `data|${name}|${uid}|${value}` : `data|${name}|${uid}`);
  }

  #touchIndex(name: string, { upsert }: Predicate, value: Scalar): void {
    if (upsert) this.#world.keys.add(`index|${name}|${value.text}`);
  }

  /** The node's own copy in this transaction. */
  #posting(name: string, uid: number): Map<string, Entry> {
    const { own, view } = this.#world;
    let cells = own.get(name);
    if (cells === undefined) {
      cells = new Map<number, Posting>();
      own.set(name, cells);
    }
    let posting = cells.get(uid);
    if (posting === undefined) {
      posting = new Map(view.read(name, uid));
      cells.set(uid, posting);
    }
    return posting as Map<string, Entry>;
  }
}
