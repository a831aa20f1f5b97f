import type { Entry } from "./graph-store.js";
import type { GraphView } from "./graph-view.js";
import type { Block, Call, Field, Filter, Paging } from "./query-tree.js";
import { Refusal } from "./refusal.js";
import { compareScalars, convert, jsonText, type Scalar } from "./scalar.js";
import type { Declared } from "./schema-text.js";

/** Nodes that a variable holds. */
export type Variables = Map<string, readonly number[]>;

/** Runs a query's blocks on a view: the answer's JSON, and the variables that they filled. */
export function runQuery(
  blocks: readonly Block[],
  view: GraphView,
  schema: Declared,
  usedElsewhere: ReadonlySet<string> = new Set(),
): { readonly json: string; readonly variables: Variables } {
  return new QueryRun(view, schema).run(blocks, usedElsewhere);
}

/** Whether a condition over variables holds. */
export function conditionHolds(filter: Filter, variables: Variables): boolean {
  switch (filter.kind) {
    case "and":
      return filter.parts.every((part) => conditionHolds(part, variables));
    case "or":
      return filter.parts.some((part) => conditionHolds(part, variables));
    case "not":
      return !conditionHolds(filter.part, variables);
    default: {
      const { call } = filter;
      if (!call.length) throw new Refusal(`only len() can be compared in @if, not ${call.name}(${call.attribute})`);
      const length = variables.get(call.attribute)?.length;
      if (length === undefined) throw new Refusal(`Some variables are used but not defined: [${call.attribute}]`);
      return compares(call.name, length - Number(call.values[0]));
    }
  }
}

function compares(name: string, difference: number | undefined): boolean {
  if (difference === undefined) return false;
  if (name === "eq") return difference === 0;
  if (name === "ge") return difference >= 0;
  if (name === "gt") return difference > 0;
  if (name === "le") return difference <= 0;
  if (name === "lt") return difference < 0;
  throw new Refusal(`Function name: ${name} is not valid.`);
}

class QueryRun {
  readonly #view: GraphView;
  readonly #schema: Declared;
  readonly #variables: Variables = new Map();

  constructor(view: GraphView, schema: Declared) {
    this.#view = view;
    this.#schema = schema;
  }

  run(
    blocks: readonly Block[],
    usedElsewhere: ReadonlySet<string>,
  ): { readonly json: string; readonly variables: Variables } {
    const answers = new Map<string, string>();
    this.#checkVariables(blocks, usedElsewhere);
    let waiting = [...blocks];
    while (waiting.length > 0) {
      const ready = waiting.filter((block) => [...needs(block)].every((name) => this.#variables.has(name)));
      if (ready.length === 0) throw new Refusal("Some variables are used but not defined, or in a circle");
      for (const block of ready) {
        const json = this.#block(block);
        if (json !== undefined) answers.set(block.name, json);
      }
      waiting = waiting.filter((block) => !ready.includes(block));
    }
    const parts = blocks.flatMap(({ name }) =>
      answers.has(name) ? [`${JSON.stringify(name)}:${answers.get(name)}`] : [],
    );
    return { json: `{${parts.join(",")}}`, variables: this.#variables };
  }

  /** As Dgraph does: what is filled must be used, and what is used filled. */
  #checkVariables(blocks: readonly Block[], usedElsewhere: ReadonlySet<string>): void {
    const filled = new Set(
      blocks.flatMap((block) => [...(block.variable === undefined ? [] : [block.variable]), ...filledBy(block.fields)]),
    );
    const used = new Set([...usedElsewhere, ...blocks.flatMap((block) => [...needs(block)])]);
    for (const name of filled)
      if (!used.has(name)) throw new Refusal(`Some variables are defined but not used\nDefined:[${name}]`);
    for (const name of used)
      if (!filled.has(name)) throw new Refusal(`Some variables are used but not defined\nUsed:[${name}]`);
  }

  #block(block: Block): string | undefined {
    for (const name of filledBy(block.fields)) this.#variables.set(name, []);
    const found = this.#page(this.#root(block.root, block.paging.after), block.paging, block.filter);
    if (block.variable !== undefined) this.#variables.set(block.variable, found);
    const nodes = found.map((uid) => this.#node(uid, block.fields));
    if (block.name === "var") return undefined;
    if (block.fields.some(({ count, name }) => count && name === "uid")) return `[{"count":${found.length}}]`;
    return `[${nodes.filter((node) => node !== "{}").join(",")}]`;
  }

  *#root({ name, attribute, values }: Call, after: number): Iterable<number> {
    switch (name) {
      case "uid":
        yield* this.#uids(values);
        return;
      case "has":
        yield* this.#view.nodesWith(attribute, after);
        return;
      case "type":
        // By the type's own index, which a scan of all nodes with any type stands in for.
        for (const uid of this.#view.nodesWith("dgraph.type", after))
          for (const { value } of this.#view.read("dgraph.type", uid).values())
            if (value?.text === attribute) yield uid;
        return;
      case "eq":
        yield* this.#equal(attribute, values);
        return;
      default: {
        this.#indexed(attribute);
        const call: Call = { name, attribute, length: false, values };
        for (const uid of this.#view.nodesWith(attribute, after)) if (this.#fits(call, uid)) yield uid;
      }
    }
  }

  #equal(attribute: string, values: readonly string[]): number[] {
    const kind = this.#indexed(attribute);
    const texts = values.map((text) => convert({ kind: "string", text }, kind).text);
    return [...new Set(texts.flatMap((text) => this.#view.nodesBy(attribute, text)))].sort(
      (left, right) => left - right,
    );
  }

  #indexed(attribute: string): Scalar["kind"] {
    const predicate = this.#schema.predicates.get(attribute);
    if (predicate === undefined || predicate.tokenizers.length === 0)
      throw new Refusal(`Predicate ${attribute} is not indexed`);
    return predicate.kind;
  }

  #uids(values: readonly string[]): number[] {
    const uids = values.flatMap((text) =>
      /^(0x[0-9a-f]+|\d+)$/i.test(text) ? [Number(text)] : (this.#variables.get(text) as readonly number[]),
    );
    return [...new Set(uids)].sort((left, right) => left - right);
  }

  #page(uids: Iterable<number>, { first, offset, after }: Paging, filter: Filter | undefined): number[] {
    const found: number[] = [];
    let skip = offset;
    const most = first ?? Number.POSITIVE_INFINITY;
    if (most === 0) return found;
    for (const uid of uids) {
      if (uid <= after || (filter !== undefined && !this.#passes(filter, uid)) || skip-- > 0) continue;
      found.push(uid);
      if (found.length === most) break;
    }
    return found;
  }

  #passes(filter: Filter, uid: number): boolean {
    switch (filter.kind) {
      case "and":
        return filter.parts.every((part) => this.#passes(part, uid));
      case "or":
        return filter.parts.some((part) => this.#passes(part, uid));
      case "not":
        return !this.#passes(filter.part, uid);
      default:
        return this.#fits(filter.call, uid);
    }
  }

  #fits({ name, attribute, values }: Call, uid: number): boolean {
    if (name === "uid") return this.#uids(values).includes(uid);
    if (name === "has") return this.#view.has(attribute, uid);
    if (name === "type")
      return [...this.#view.read("dgraph.type", uid).values()].some(({ value }) => value?.text === attribute);
    return [...this.#view.read(attribute, uid).values()].some(
      ({ value }) =>
        value !== undefined &&
        values.some((text) => compares(name, compareScalars(value, convert({ kind: "string", text }, value.kind)))),
    );
  }

  #node(uid: number, fields: readonly Field[], facets = ""): string {
    const parts = fields.flatMap((field) => this.#field(uid, field));
    return `{${[...parts, ...(facets === "" ? [] : [facets])].join(",")}}`;
  }

  #field(uid: number, field: Field): string[] {
    const { name, alias, language, count, fields } = field;
    if (name === "uid" && !count) return [`${JSON.stringify(alias ?? "uid")}:"0x${uid.toString(16)}"`];
    if (name === "uid") return [];
    const posting = this.#view.read(name, uid);
    const key = JSON.stringify(
      alias ?? (count ? `count(${name})` : language === undefined ? name : `${name}@${language}`),
    );
    if (count) return [`${key}:${posting.size}`];
    if (posting.size === 0) return [];
    const { kind, list } = this.#shape(name);
    if (kind === "uid") return this.#edges(posting, field, key, list);
    if (fields.length > 0) throw new Refusal(`Cannot query subfields of the scalar predicate ${name}`);
    if (kind === "password") return [];
    if (list) return [`${key}:[${[...posting.values()].map(({ value }) => jsonText(value as Scalar)).join(",")}]`];
    const value = posting.get(language ?? "")?.value;
    return value === undefined ? [] : [`${key}:${jsonText(value)}`];
  }

  #edges(posting: ReadonlyMap<string, Entry>, field: Field, key: string, list: boolean): string[] {
    const { facetFilter } = field;
    const targets = [...posting]
      .filter(([, entry]) => facetFilter === undefined || facetsFit(facetFilter, entry))
      .map(([target]) => Number(target))
      .sort((left, right) => left - right);
    const found = this.#page(targets, field.paging, field.filter);
    if (field.variable !== undefined) {
      const before = this.#variables.get(field.variable) ?? [];
      this.#variables.set(field.variable, [...new Set([...before, ...found])]);
    }
    const nodes = found.map((target) =>
      this.#node(target, field.fields, field.facets ? facetsJson(field.name, posting.get(String(target))) : ""),
    );
    const shown = nodes.filter((node) => node !== "{}");
    if (shown.length === 0) return [];
    return [list ? `${key}:[${shown.join(",")}]` : `${key}:${shown[0]}`];
  }

  #shape(name: string): { readonly kind: Scalar["kind"]; readonly list: boolean } {
    if (name === "dgraph.type") return { kind: "string", list: true };
    if (name.startsWith("~")) {
      if (this.#schema.predicates.get(name.slice(1))?.reverse !== true)
        throw new Refusal(`Predicate ${name.slice(1)} doesn't have reverse edge`);
      return { kind: "uid", list: true };
    }
    return this.#schema.predicates.get(name) ?? { kind: "default", list: false };
  }
}

function facetsFit(filter: Filter, entry: Entry): boolean {
  switch (filter.kind) {
    case "and":
      return filter.parts.every((part) => facetsFit(part, entry));
    case "or":
      return filter.parts.some((part) => facetsFit(part, entry));
    case "not":
      return !facetsFit(filter.part, entry);
    default: {
      const { name, attribute, values } = filter.call;
      const facet = entry.facets?.get(attribute);
      if (facet === undefined) return false;
      return values.some((text) =>
        compares(name, compareScalars(facet, convert({ kind: "string", text }, facet.kind))),
      );
    }
  }
}

function facetsJson(name: string, entry: Entry | undefined): string {
  return [...(entry?.facets ?? [])]
    .map(([key, value]) => `${JSON.stringify(`${name}|${key}`)}:${jsonText(value)}`)
    .join(",");
}

function filledBy(fields: readonly Field[]): string[] {
  return fields.flatMap(({ variable, fields: inner }) => [
    ...(variable === undefined ? [] : [variable]),
    ...filledBy(inner),
  ]);
}

function needs(block: Block): Set<string> {
  const names = new Set<string>();
  const ofCall = ({ name, values }: Call): void => {
    if (name === "uid") for (const text of values) if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) names.add(text);
  };
  const ofFilter = (filter: Filter | undefined): void => {
    if (filter === undefined) return;
    if (filter.kind === "call") ofCall(filter.call);
    else if (filter.kind === "not") ofFilter(filter.part);
    else for (const part of filter.parts) ofFilter(part);
  };
  const ofFields = (fields: readonly Field[]): void => {
    for (const field of fields) {
      ofFilter(field.filter);
      ofFields(field.fields);
    }
  };
  ofCall(block.root);
  ofFilter(block.filter);
  ofFields(block.fields);
  return names;
}
