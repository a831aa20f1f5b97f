import { requireArgument, StreamError } from "@millrace/core";

/** A value that {@link dql} may be given: it becomes a variable of the query. */
export type DqlValue = string | number | bigint | boolean;

/** A query with its variables. Made by {@link dql} alone. */
export class Dql {
  readonly #text: string;
  readonly #vars: Readonly<Record<string, string>>;

  /** @internal */
  constructor(text: string, vars: Readonly<Record<string, string>>) {
    this.#text = text;
    this.#vars = vars;
  }

  /** The query's text, in which values are only named. */
  get text(): string {
    return this.#text;
  }

  /** The values by name, without the dollar: as text, since dgraph-js drops all others. */
  get vars(): Readonly<Record<string, string>> {
    return this.#vars;
  }
}

/** A uid that stands in a query's text, where Dgraph takes no variables (`uid(…)`, `after:`). */
export class DqlUid {
  readonly #uid: string;

  /** @internal */
  constructor(uid: string) {
    this.#uid = uid;
  }

  get text(): string {
    return this.#uid;
  }
}

/**
 * Checks a uid and makes it usable in {@link dql}. Throws `E_ARGUMENT`.
 *
 * @example
 * ```ts
 * import { dql, dqlUid } from "@millrace/dgraph";
 * const query = dql`{ node(func: uid(${dqlUid("0x1f")})) { name } }`;
 * ```
 */
export function dqlUid(uid: string): DqlUid {
  requireArgument(
    typeof uid === "string" && /^0x[0-9a-f]{1,16}$/i.test(uid),
    "dqlUid: a uid is 0x and up to 16 hex digits",
  );
  return new DqlUid(uid.toLowerCase());
}

/**
 * A query in which every `${value}` is a variable that Dgraph gets beside the text, never part of it. The text itself must be a plain block in braces.
 *
 * @example
 * ```ts
 * import { dql } from "@millrace/dgraph";
 * const name = 'x") { uid } all(func: has(secret';
 * const query = dql`{ found(func: eq(name, ${name}), first: ${10}) { uid name } }`;
 * query.text; // query q($p0: string, $p1: int) { found(func: eq(name, $p0), first: $p1) { uid name } }
 * ```
 */
export function dql(strings: TemplateStringsArray, ...values: readonly (DqlValue | DqlUid)[]): Dql {
  if (!Array.isArray(strings) || !("raw" in strings))
    throw new StreamError(
      "E_ARGUMENT",
      "dql is a template tag: dql`{ … }`. Text put together beforehand could hold more than values",
    );
  const vars: Record<string, string> = {};
  const declared: string[] = [];
  let body = strings[0] as string;
  values.forEach((value, i) => {
    body += value instanceof DqlUid ? value.text : variable(value, vars, declared);
    body += strings[i + 1] as string;
  });
  requireArgument(
    /^\s*\{[\s\S]*\}\s*$/.test(body),
    "dql: the text must be a block in braces; variables are declared by themselves",
  );
  return new Dql(declared.length === 0 ? body : `query q(${declared.join(", ")}) ${body}`, vars);
}

function variable(value: DqlValue, vars: Record<string, string>, declared: string[]): string {
  const name = `p${declared.length}`;
  declared.push(`$${name}: ${typeOf(value)}`);
  vars[name] = variableText(value, "dql: a value");
  return `$${name}`;
}

function typeOf(value: DqlValue): string {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  return "string";
}

/** A variable's text. dgraph-js silently leaves out what is no string; here it is said. Throws `E_ARGUMENT`. */
export function variableText(value: unknown, what: string): string {
  if (typeof value === "string") {
    requireArgument(value.isWellFormed(), `${what} has half of a surrogate pair, which no UTF-8 can say`);
    return value;
  }
  if (typeof value === "number") {
    requireArgument(
      Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)),
      `${what} must be a finite number, and whole ones exact (else a bigint); it is ${value}`,
    );
    return String(value);
  }
  requireArgument(
    typeof value === "bigint" || typeof value === "boolean",
    `${what} must be a string, number, bigint or boolean; it is ${value === null ? "null" : typeof value}`,
  );
  return String(value);
}
