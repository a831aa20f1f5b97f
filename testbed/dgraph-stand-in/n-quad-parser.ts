import { Refusal } from "./refusal.js";
import type { Kind, Scalar } from "./scalar.js";

/** What a statement points at. */
export type Target =
  | { readonly kind: "node"; readonly node: NodeName }
  | { readonly kind: "value"; readonly value: Scalar }
  | { readonly kind: "all" };

/** `uid(v)`, a uid, or a blank node. */
export type NodeName = { readonly variable: string } | { readonly uid: number } | { readonly blank: string };

export interface Statement {
  readonly subject: NodeName;
  /** `*` is every predicate. */
  readonly predicate: string;
  readonly language: string;
  readonly target: Target;
  readonly facets: ReadonlyMap<string, Scalar>;
}

const XS: Readonly<Record<string, Kind>> = {
  "xs:string": "string",
  "xs:int": "int",
  "xs:integer": "int",
  "xs:positiveInteger": "int",
  "xs:float": "float",
  "xs:double": "float",
  "xs:boolean": "bool",
  "xs:dateTime": "datetime",
  "xs:password": "password",
  "geo:geojson": "geo",
};

const NODE = /\s*(?:uid\(\s*([A-Za-z_]\w*)\s*\)|<(0x[0-9a-fA-F]+)>|<?_:([^\s<>]+)>?)\s*/y;
const PREDICATE = /<([^<>\s]+)>\s*|([\p{L}_][^\s<>"]*)\s*|(\*)\s*/uy;
/** Escapes as Dgraph's lexer knows them; a raw line break is none of a literal. */
const LITERAL = /"((?:[^"\\\n\r]|\\[tbnrf"'\\]|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8})*)"/y;
const SUFFIX = /\^\^<([^<>\s]+)>|@([a-z]{2,3}(?:-[A-Za-z0-9]+)*)/y;
const FACET = /\s*([\p{L}_][\p{L}\p{N}_./-]*)\s*=\s*(?:("(?:[^"\\\n]|\\[vtbnrf"'\\])*")|([^\s,()"]+))\s*([,)])/uy;

/** Reads N-Quads, a statement a line, as strictly as Dgraph's lexer. */
export function parseNQuads(text: string): Statement[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line, i) => new LineParser(line, i + 1).statement());
}

class LineParser {
  readonly #text: string;
  readonly #line: number;
  #at = 0;

  constructor(text: string, line: number) {
    this.#text = text;
    this.#line = line;
  }

  statement(): Statement {
    const subject = this.#node() ?? this.#refuse("no subject");
    const named = this.#take(PREDICATE) ?? this.#refuse("no predicate");
    const name = named[1] ?? named[2] ?? "*";
    const at = name.indexOf("@");
    const [predicate, own] = at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
    const { target, language } = this.#target();
    const facets = this.#facets();
    if (this.#text.slice(this.#at).trim() !== ".") this.#refuse("it does not end with a dot");
    return { subject, predicate, language: language === "" ? own : language, target, facets };
  }

  #node(): NodeName | undefined {
    const match = this.#take(NODE);
    if (match === undefined) return undefined;
    const [, variable, uid, blank] = match;
    if (variable !== undefined) return { variable };
    return uid !== undefined ? { uid: Number(uid) } : { blank: blank as string };
  }

  #target(): { readonly target: Target; readonly language: string } {
    if (this.#text[this.#at] === "*") {
      this.#at++;
      return { target: { kind: "all" }, language: "" };
    }
    const node = this.#node();
    if (node !== undefined) return { target: { kind: "node", node }, language: "" };
    const literal = this.#take(LITERAL) ?? this.#refuse("Invalid character in literal, or no object");
    const text = unescaped(literal[1] as string);
    const [, type, language = ""] = this.#take(SUFFIX) ?? [];
    if (type !== undefined && XS[type] === undefined) this.#refuse(`Unrecognized rdf type ${type}`);
    const kind = type === undefined ? "default" : (XS[type] as Kind);
    // Untyped, it is the star itself, with a language too.
    if (kind === "default" && text === "_STAR_ALL") return { target: { kind: "all" }, language };
    return { target: { kind: "value", value: { kind, text } }, language };
  }

  #facets(): ReadonlyMap<string, Scalar> {
    const facets = new Map<string, Scalar>();
    const open = /\s*\(/y;
    if (this.#take(open) === undefined) return facets;
    for (;;) {
      const [, key, quoted, bare, end] = this.#take(FACET) ?? this.#refuse("a facet is not key=value");
      facets.set(
        key as string,
        quoted === undefined ? bareFacet(bare as string) : { kind: "string", text: unescaped(quoted.slice(1, -1)) },
      );
      if (end === ")") return facets;
    }
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  #refuse(why: string): never {
    throw new Refusal(`while lexing ${this.#text.slice(0, 120)} at line ${this.#line} column ${this.#at}: ${why}`);
  }
}

function bareFacet(text: string): Scalar {
  if (/^(true|false)$/.test(text)) return { kind: "bool", text };
  if (/^[+-]?\d+$/.test(text)) return { kind: "int", text: String(BigInt(text)) };
  if (!Number.isNaN(Number(text))) return { kind: "float", text: String(Number(text)) };
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Refusal(`while parsing facet ${JSON.stringify(text)}: no type fits`);
  return { kind: "datetime", text: new Date(time).toISOString().replace(/\.?0+Z$/, "Z") };
}

function unescaped(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/g, (_all, code: string) => {
    if (code.length > 1) {
      const point = Number.parseInt(code.slice(1), 16);
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        throw new Refusal("invalid syntax: half of a surrogate pair");
      return String.fromCodePoint(point);
    }
    return { t: "\t", b: "\b", n: "\n", r: "\r", f: "\f" }[code] ?? code;
  });
}
