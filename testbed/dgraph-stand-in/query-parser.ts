import { type Token, tokensOf } from "./query-tokens.js";
import type { Block, Call, Field, Filter, Paging } from "./query-tree.js";
import { Refusal } from "./refusal.js";

/** Reads a query with its variables put in. */
export function parseQuery(text: string, vars: ReadonlyMap<string, string>): Block[] {
  return new QueryParser(tokensOf(text), vars).query();
}

/** Reads a condition, `@if(…)`. */
export function parseCondition(text: string): Filter {
  const match = /^\s*@if\s*(\([\s\S]*\))\s*$/.exec(text);
  if (match === null) throw new Refusal(`condition must begin with @if: ${text.slice(0, 60)}`);
  return new QueryParser(tokensOf(match[1] as string), new Map()).condition();
}

class QueryParser {
  readonly #tokens: readonly Token[];
  readonly #given: ReadonlyMap<string, string>;
  readonly #vars = new Map<string, string>();
  #at = 0;

  constructor(tokens: readonly Token[], vars: ReadonlyMap<string, string>) {
    this.#tokens = tokens;
    this.#given = vars;
  }

  query(): Block[] {
    if (this.#isName("query")) {
      this.#at++;
      if (this.#peek()?.kind === "name") this.#at++;
      if (this.#isMark("(")) this.#declarations();
    } else if (this.#given.size > 0) throw new Refusal("Query with variables must have a name and declare them");
    for (const name of this.#given.keys())
      if (!this.#vars.has(name.slice(1))) throw new Refusal(`Variable ${name} is not declared in the query`);
    this.#mark("{");
    const blocks: Block[] = [];
    while (!this.#isMark("}")) blocks.push(this.#block());
    this.#at++;
    if (this.#at < this.#tokens.length) throw this.#wrong("behind the query");
    return blocks;
  }

  condition(): Filter {
    const filter = this.#filter();
    if (this.#at < this.#tokens.length) throw this.#wrong("behind the condition");
    return filter;
  }

  #declarations(): void {
    this.#mark("(");
    while (!this.#isMark(")")) {
      const name = this.#take("variable").text;
      this.#mark(":");
      const type = this.#take("name").text;
      if (this.#isMark("!")) this.#at++;
      let value = this.#given.get(`$${name}`);
      if (this.#isMark("=")) {
        this.#at++;
        value ??= (this.#tokens[this.#at++] as Token).text;
      }
      if (value === undefined) throw new Refusal(`Variable $${name} should be initialised`);
      checkVariable(name, type, value);
      this.#vars.set(name, value);
      if (this.#isMark(",")) this.#at++;
    }
    this.#at++;
  }

  #block(): Block {
    let name = this.#take("name").text;
    let variable: string | undefined;
    if (this.#isName("as")) {
      this.#at++;
      variable = name;
      name = this.#take("name").text;
    }
    this.#mark("(");
    this.#name("func");
    this.#mark(":");
    const root = this.#call();
    const paging = this.#paging();
    const filter = this.#maybeFilter();
    const fields = this.#isMark("{") ? this.#fields() : [];
    return { name, variable, root, paging, filter, fields };
  }

  #fields(): Field[] {
    this.#mark("{");
    const fields: Field[] = [];
    while (!this.#isMark("}")) fields.push(this.#field());
    this.#at++;
    return fields;
  }

  #field(): Field {
    let name = this.#take("name").text;
    let alias: string | undefined;
    let variable: string | undefined;
    if (this.#isName("as")) {
      this.#at++;
      variable = name;
      name = this.#take("name").text;
    }
    if (this.#isMark(":")) {
      this.#at++;
      alias = name;
      name = this.#take("name").text;
    }
    const count = name === "count" && this.#isMark("(");
    if (count) {
      this.#at++;
      name = this.#take("name").text;
      this.#mark(")");
    }
    let language: string | undefined;
    let facets = false;
    let facetFilter: Filter | undefined;
    let filter: Filter | undefined;
    let paging: Paging = { first: undefined, offset: 0, after: 0 };
    if (this.#isMark("(")) {
      this.#at++;
      paging = this.#paging();
    }
    while (this.#isMark("@")) {
      this.#at++;
      const word = this.#take("name").text;
      if (word === "facets" && this.#isMark("(")) facetFilter = this.#filter();
      else if (word === "facets") facets = true;
      else if (word === "filter") filter = this.#filter();
      else language = word;
    }
    const fields = this.#isMark("{") ? this.#fields() : [];
    return { name, alias, language, variable, count, facets, facetFilter, paging, filter, fields };
  }

  /** What follows the function, or the open bracket of a field, up to the closing one. */
  #paging(): Paging {
    const given = new Map<string, string>();
    while (!this.#isMark(")")) {
      if (this.#isMark(",")) this.#at++;
      const key = this.#take("name").text;
      this.#mark(":");
      const isVariable = this.#peek()?.kind === "variable";
      // As Dgraph was: only a uid that is written out.
      if (key === "after" && isVariable) throw new Refusal("Expecting a UID in 'after', got a variable");
      if (!["first", "offset", "after"].includes(key)) throw new Refusal(`Got invalid keyword: ${key}`);
      given.set(key, this.#value());
    }
    this.#at++;
    const first = given.get("first");
    return {
      first: first === undefined ? undefined : Number(first),
      offset: Number(given.get("offset") ?? 0),
      after: Number(given.get("after") ?? 0),
    };
  }

  #maybeFilter(): Filter | undefined {
    if (!this.#isMark("@")) return undefined;
    this.#at++;
    this.#name("filter");
    return this.#filter();
  }

  #filter(): Filter {
    this.#mark("(");
    const filter = this.#either();
    this.#mark(")");
    return filter;
  }

  #either(): Filter {
    const parts = [this.#both()];
    while (/^or$/i.test(this.#peek()?.text ?? "")) {
      this.#at++;
      parts.push(this.#both());
    }
    return parts.length === 1 ? (parts[0] as Filter) : { kind: "or", parts };
  }

  #both(): Filter {
    const parts = [this.#single()];
    while (/^and$/i.test(this.#peek()?.text ?? "")) {
      this.#at++;
      parts.push(this.#single());
    }
    return parts.length === 1 ? (parts[0] as Filter) : { kind: "and", parts };
  }

  #single(): Filter {
    if (/^not$/i.test(this.#peek()?.text ?? "")) {
      this.#at++;
      return { kind: "not", part: this.#single() };
    }
    if (this.#isMark("(")) return this.#filter();
    return { kind: "call", call: this.#call() };
  }

  #call(): Call {
    const name = this.#take("name").text;
    this.#mark("(");
    let attribute = "";
    let length = false;
    const values: string[] = [];
    if (name === "uid") {
      while (!this.#isMark(")")) {
        if (this.#isMark(",")) this.#at++;
        values.push(this.#value());
      }
      this.#at++;
      return { name, attribute, length, values };
    }
    attribute = this.#take("name").text;
    if (attribute === "len" && this.#isMark("(")) {
      this.#at++;
      attribute = this.#take("name").text;
      this.#mark(")");
      length = true;
    }
    while (!this.#isMark(")")) {
      if (this.#isMark(",") || this.#isMark("[") || this.#isMark("]")) this.#at++;
      else values.push(this.#value());
    }
    this.#at++;
    return { name, attribute, length, values };
  }

  #value(): string {
    const token = this.#tokens[this.#at++];
    if (token?.kind === "variable") {
      const value = this.#vars.get(token.text);
      if (value === undefined) throw new Refusal(`Variable $${token.text} is not defined`);
      return value;
    }
    if (token === undefined || token.kind === "mark") throw this.#wrong("where a value was expected");
    return token.text;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #isMark(text: string): boolean {
    return this.#peek()?.kind === "mark" && this.#peek()?.text === text;
  }

  #isName(text: string): boolean {
    return this.#peek()?.kind === "name" && this.#peek()?.text === text;
  }

  #mark(text: string): void {
    if (!this.#isMark(text)) throw this.#wrong(`where ${text} was expected`);
    this.#at++;
  }

  #name(text: string): void {
    if (!this.#isName(text)) throw this.#wrong(`where ${text} was expected`);
    this.#at++;
  }

  #take(kind: Token["kind"]): Token {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind) throw this.#wrong(`where a ${kind} was expected`);
    this.#at++;
    return token;
  }

  #wrong(where: string): Refusal {
    return new Refusal(`line 1 column ${this.#at}: parse: ${JSON.stringify(this.#peek()?.text ?? "the end")} ${where}`);
  }
}

function checkVariable(name: string, type: string, value: string): void {
  const fits =
    type === "string" ||
    type === "uid" ||
    (type === "int" && /^[+-]?\d+$/.test(value)) ||
    (type === "float" && !Number.isNaN(Number(value))) ||
    (type === "bool" && /^(true|false)$/.test(value));
  if (!fits) throw new Refusal(`Expected ${type} for the variable $${name} but got ${JSON.stringify(value)}`);
}
