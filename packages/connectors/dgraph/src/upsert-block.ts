import { quoted } from "./n-quad.js";
import { nameText } from "./names.js";
import type { GraphMutation, UpsertBlock } from "./transaction.js";
import type { WriteRules } from "./write-edit.js";
import type { NodeStep, PlanStep } from "./write-plan.js";

/** What nodes of a sink have beside what is written. */
export interface BlockRules extends WriteRules {
  /** The `dgraph.type` of every node that the sink makes. */
  readonly type: string | undefined;
}

/** The request that does a step. Values are only in variables and in N-Quads, never in the query's text. */
export function upsertBlock(step: PlanStep, rules: BlockRules): UpsertBlock {
  return new BlockBuilder(step, rules).build();
}

class BlockBuilder {
  readonly #step: PlanStep;
  readonly #rules: BlockRules;
  readonly #numbers = new Map<string, number>();
  readonly #declared: string[] = [];
  readonly #blocks: string[] = [];
  readonly #vars: Record<string, string> = {};
  readonly #incoming: readonly string[];
  #ranked = 0;

  constructor(step: PlanStep, rules: BlockRules) {
    this.#step = step;
    this.#rules = rules;
    this.#incoming = [...rules.schema.predicates]
      .filter(([name, { kind, reverse }]) => kind === "uid" && reverse && this.#writes(name))
      .map(([name]) => name);
  }

  build(): UpsertBlock {
    const { nodes } = this.#step;
    const plain: { deletes: string[]; sets: string[] } = { deletes: [], sets: [] };
    const mutations: GraphMutation[] = [];
    for (const node of nodes.values()) {
      const condition = this.#condition(node);
      if (condition === undefined) {
        this.#change(node, plain);
        mutations.push(...this.#rankedEdges(node));
        continue;
      }
      const own: { deletes: string[]; sets: string[] } = { deletes: [], sets: [] };
      this.#change(node, own);
      mutations.push({ condition, ...own });
    }
    if (plain.deletes.length + plain.sets.length > 0) mutations.unshift(plain);
    return {
      query: `query q(${this.#declared.join(", ")}) {\n${this.#blocks.join("\n")}\n}`,
      vars: this.#vars,
      mutations,
    };
  }

  /** Looks for a node by its external id, and for what points to it where it is to go. Only for nodes that are needed: Dgraph refuses unused variables. */
  #find(id: string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(id, number);
    this.#declared.push(`$x${number}: string`);
    this.#vars[`x${number}`] = id;
    const node = this.#step.nodes.get(id);
    const incoming = isDeletion(node)
      ? this.#incoming.map((predicate, i) => `i${number}x${i} as ${nameText(`~${predicate}`)}`).join(" ")
      : "";
    this.#blocks.push(
      `u${number} as var(func: eq(${nameText(this.#rules.xid)}, $x${number}))${incoming === "" ? "" : ` { ${incoming} }`}`,
    );
    return number;
  }

  #condition({ id, mode, version }: NodeStep): string | undefined {
    const number = this.#find(id);
    if (mode === "insert") return `@if(eq(len(u${number}), 0))`;
    if (mode !== "versioned") return undefined;
    this.#declared.push(`$v${number}: int`);
    this.#vars[`v${number}`] = String(version);
    this.#blocks.push(
      `n${number} as var(func: uid(u${number})) @filter(ge(${nameText(this.#rules.version as string)}, $v${number}))`,
    );
    return `@if(eq(len(n${number}), 0))`;
  }

  #change(node: NodeStep, into: { readonly deletes: string[]; readonly sets: string[] }): void {
    const subject = this.#subject(node.id);
    if (isDeletion(node)) this.#delete(node, into.deletes);
    // A deleted node with a version stays as its id and that: an older write must not bring it back.
    if (node.creates || node.mode === "versioned") this.#make(node.id, into.sets, node.creates);
    if (node.version !== undefined) into.sets.push(`${subject} <${this.#rules.version}> "${node.version}"^^<xs:int> .`);
    for (const type of node.types) into.sets.push(`${subject} <dgraph.type> ${quoted(type)}^^<xs:string> .`);
    for (const { predicate, language, objects, clears } of node.fields.values()) {
      const name = language === undefined ? predicate : `${predicate}@${language}`;
      if (clears) into.deletes.push(`${subject} <${name}> * .`);
      for (const object of objects) into.sets.push(`${subject} <${name}> ${object} .`);
    }
    for (const predicate of node.cleared) into.deletes.push(`${subject} <${predicate}> * .`);
    for (const [predicate, edges] of node.edges)
      for (const [to, facets] of edges) {
        const line = `${subject} <${predicate}> ${this.#subject(to)}`;
        if (facets === undefined) into.deletes.push(`${line} .`);
        else into.sets.push(`${line}${facets} .`);
      }
    for (const to of node.makes) if (node.mode !== "edit" || !this.#isMade(to)) this.#make(to, into.sets, true);
  }

  /** Each with a condition of its own: that there is no such edge which counts as much or more. */
  *#rankedEdges({ id, ranked }: NodeStep): Generator<GraphMutation> {
    for (const [predicate, edges] of ranked)
      for (const [to, { facets, rank }] of edges) {
        const edge = `e${this.#ranked++}`;
        const [subject, object] = [this.#subject(id), this.#subject(to)];
        const filter = `@facets(${rank.smallest ? "le" : "ge"}(${rank.facet}, ${rank.text})) @filter(${object})`;
        this.#blocks.push(`var(func: ${subject}) { ${edge} as ${nameText(predicate)} ${filter} }`);
        const sets = [`${subject} <${predicate}> ${object}${facets} .`];
        yield { condition: `@if(eq(len(${edge}), 0))`, deletes: [], sets };
      }
  }

  /** The node is changed itself, without a condition, and so is made there. */
  #isMade(id: string): boolean {
    const node = this.#step.nodes.get(id);
    return node?.mode === "edit" && node.creates;
  }

  /** The external id is written even where it is there: so that a node which somebody else makes or deletes meanwhile is a conflict. */
  #make(id: string, sets: string[], typed: boolean): void {
    sets.push(`${this.#subject(id)} <${this.#rules.xid}> ${quoted(id)}^^<xs:string> .`);
    const { type } = this.#rules;
    if (typed && type !== undefined) sets.push(`${this.#subject(id)} <dgraph.type> ${quoted(type)}^^<xs:string> .`);
  }

  #delete({ id, mode }: NodeStep, deletes: string[]): void {
    const { schema, xid, version } = this.#rules;
    const subject = this.#subject(id);
    const number = this.#find(id);
    this.#incoming.forEach((predicate, i) => {
      deletes.push(`uid(i${number}x${i}) <${predicate}> ${subject} .`);
    });
    // `S * *` takes only what the node's types name.
    for (const predicate of schema.predicates.keys())
      if (this.#writes(predicate) && predicate !== xid && predicate !== version)
        deletes.push(`${subject} <${predicate}> * .`);
    deletes.push(`${subject} <dgraph.type> * .`);
    if (mode === "delete") deletes.push(`${subject} <${xid}> * .`);
  }

  #writes(predicate: string): boolean {
    const { allowed } = this.#rules;
    return !predicate.startsWith("dgraph.") && (allowed === undefined || allowed.has(predicate));
  }

  #subject(id: string): string {
    return `uid(u${this.#find(id)})`;
  }
}

function isDeletion(node: NodeStep | undefined): boolean {
  return node !== undefined && (node.mode === "delete" || (node.mode === "versioned" && !node.creates));
}
