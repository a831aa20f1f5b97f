import { StreamError } from "@millrace/core";

/** Letters, digits and `_ . / -`, as Dgraph allows inside `<>`: nothing that could end it. */
const NAME = /^[\p{L}_][\p{L}\p{N}_./-]{0,199}$/u;
const LANGUAGE = /^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$/;

/** Throws unless `name` can stand in a query as the name of a predicate, a type or a facet. */
export function requireName(name: unknown, what: string): asserts name is string {
  if (typeof name !== "string" || !NAME.test(name))
    throw new StreamError(
      "E_ARGUMENT",
      `${what} must be a name of letters, digits and _ . / - (at most 200, not beginning with a digit); it is ${JSON.stringify(name)?.slice(0, 100)}`,
    );
}

/** A predicate with its language, `name@en`, in its parts. */
export function splitLanguage(field: string): { readonly predicate: string; readonly language: string | undefined } {
  const at = field.lastIndexOf("@");
  if (at < 0) return { predicate: field, language: undefined };
  return { predicate: field.slice(0, at), language: field.slice(at + 1) };
}

export function isLanguage(text: string): boolean {
  return LANGUAGE.test(text);
}

export function isName(name: string): boolean {
  return NAME.test(name);
}

/** A name as it stands in a query: plain where it can, since not every place takes brackets. */
export function nameText(name: string): string {
  return /^~?[A-Za-z_][A-Za-z0-9_.]*$/.test(name) ? name : `<${name}>`;
}

/** The name that a part has in a topology, unless it is given one. */
export function partName(of: string): string {
  return `dgraph.${of.replace(/[^A-Za-z0-9_.-]/g, "_")}`.slice(0, 100);
}
