import { Refusal } from "./refusal.js";
import type { Kind } from "./scalar.js";

export interface Predicate {
  readonly kind: Kind;
  readonly list: boolean;
  readonly tokenizers: readonly string[];
  readonly upsert: boolean;
  readonly reverse: boolean;
  readonly count: boolean;
  readonly lang: boolean;
  readonly unique: boolean;
}

const KINDS = "default|string|int|float|bool|datetime|geo|password|uid";
const PREDICATE = new RegExp(
  `^<?([^\\s<>:]+)>?\\s*:\\s*(\\[?)\\s*(${KINDS})\\s*(\\]?)([^.]*(?:\\([^)]*\\)[^.]*)*)\\.$`,
  "iu",
);
const TYPE = /^type\s+<?([^\s<>{]+)>?\s*\{([^}]*)\}$/u;
const MARKS = /@(index|upsert|reverse|count|lang|unique|noconflict)\b(?:\s*\(([^)]*)\))?/g;

/** What an Alter declares. */
export interface Declared {
  readonly predicates: ReadonlyMap<string, Predicate>;
  readonly types: ReadonlyMap<string, readonly string[]>;
}

/** Reads the schema language, as far as the connector speaks it. */
export function parseSchema(text: string): Declared {
  const predicates = new Map<string, Predicate>();
  const types = new Map<string, readonly string[]>();
  for (const statement of statements(text)) {
    const type = TYPE.exec(statement);
    if (type !== null) {
      const fields = (type[2] as string).split(/[\s,]+/).map((name) => name.replace(/[<>]/g, "").replace(/:.*/, ""));
      types.set(
        type[1] as string,
        fields.filter((name) => name !== ""),
      );
      continue;
    }
    const [name, predicate] = parsePredicate(statement);
    predicates.set(name, predicate);
  }
  return { predicates, types };
}

function statements(text: string): string[] {
  const found: string[] = [];
  let rest = text.replace(/#.*$/gm, "").trim();
  while (rest !== "") {
    // A name can hold dots: the one that ends a line is behind a space.
    const end = rest.startsWith("type ") ? rest.indexOf("}") : rest.search(/\s\.(\s|$)/) + 1;
    if (end <= 0) throw new Refusal(`line 1: Missing colon or unexpected end of schema: ${rest.slice(0, 60)}`);
    found.push(rest.slice(0, end + 1));
    rest = rest.slice(end + 1).trim();
  }
  return found;
}

function parsePredicate(statement: string): [string, Predicate] {
  const match = PREDICATE.exec(statement);
  if (match === null) throw new Refusal(`line 1: while parsing schema: ${statement.slice(0, 80)}`);
  const [, name = "", open, kind = "", close, marks = ""] = match;
  if ((open === "[") !== (close === "]")) throw new Refusal("line 1: Unclosed [ while parsing schema");
  const given = new Map([...marks.matchAll(MARKS)].map(([, mark = "", argument = ""]) => [mark, argument]));
  const tokenizers = (given.get("index") ?? "").split(/[\s,]+/).filter((word) => word !== "");
  const has = (mark: string): boolean => given.has(mark);
  if (has("upsert") && tokenizers.length === 0)
    throw new Refusal(`Index tokenizer is mandatory for: [${name}] when specifying @upsert directive`);
  return [
    name,
    {
      kind: kind.toLowerCase() as Kind,
      list: open === "[",
      tokenizers,
      upsert: has("upsert"),
      reverse: has("reverse"),
      count: has("count"),
      lang: has("lang"),
      unique: has("unique"),
    },
  ];
}

/** The answer to `schema {}`. */
export function schemaJson({ predicates, types }: Declared): string {
  const mark = (name: string, on: boolean): object => (on ? { [name]: true } : {});
  return JSON.stringify({
    schema: [...predicates].map(([predicate, state]) => ({
      predicate,
      type: state.kind,
      ...(state.tokenizers.length === 0 ? {} : { index: true, tokenizer: state.tokenizers }),
      ...mark("list", state.list),
      ...mark("reverse", state.reverse),
      ...mark("count", state.count),
      ...mark("upsert", state.upsert),
      ...mark("lang", state.lang),
      ...mark("unique", state.unique),
    })),
    types: [...types].map(([name, fields]) => ({ name, fields: fields.map((field) => ({ name: field })) })),
  });
}
