import { Refusal } from "./refusal.js";

export type Kind = "default" | "string" | "int" | "float" | "bool" | "datetime" | "geo" | "password" | "uid";

/** A stored value: its type, and its text in one canonical form. */
export interface Scalar {
  readonly kind: Kind;
  readonly text: string;
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** A value as the predicate's type. Refuses as Dgraph's conversions do; a float given for an int is cut, as there. */
export function convert({ kind: from, text }: Scalar, to: Kind): Scalar {
  if (to === "default") return { kind: from, text };
  if (from === to && to !== "string") return { kind: to, text: canonical(to, text) };
  if (from === "float" && to === "int") return { kind: to, text: canonical("int", String(Math.trunc(Number(text)))) };
  if (to === "bool" && (from === "int" || from === "float")) return { kind: to, text: String(Number(text) !== 0) };
  if (from === "bool" && (to === "int" || to === "float")) return { kind: to, text: text === "true" ? "1" : "0" };
  if (from === "datetime" && (to === "int" || to === "float"))
    return { kind: to, text: String(Math.trunc(Date.parse(text) / 1000)) };
  return { kind: to, text: canonical(to, text) };
}

function canonical(kind: Kind, text: string): string {
  switch (kind) {
    case "int": {
      if (!/^[+-]?\d+$/.test(text))
        throw new Refusal(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
      const value = BigInt(text.replace(/^\+/, ""));
      if (value > INT64_MAX || value < INT64_MIN)
        throw new Refusal(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
      return String(value);
    }
    case "float": {
      if (text.trim() === "" || Number.isNaN(Number(text)))
        throw new Refusal(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
      return String(Number(text));
    }
    case "bool":
      if (/^(true|t|1)$/i.test(text)) return "true";
      if (/^(false|f|0)$/i.test(text)) return "false";
      throw new Refusal(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
    case "datetime":
      return timeText(text);
    case "geo":
      return geoText(text);
    default:
      return text;
  }
}

function timeText(text: string): string {
  const time = Date.parse(text);
  if (!/^\d{4}(-\d\d(-\d\d)?)?(T.*)?$/.test(text) || Number.isNaN(time))
    throw new Refusal(`parsing time ${JSON.stringify(text)}: cannot parse`);
  return new Date(time).toISOString().replace(/\.?0+Z$/, "Z");
}

function geoText(text: string): string {
  try {
    const shape = JSON.parse(text.replaceAll("'", '"')) as { readonly type?: unknown; readonly coordinates?: unknown };
    if (typeof shape.type === "string" && Array.isArray(shape.coordinates)) return JSON.stringify(shape);
  } catch {
    // Said below.
  }
  throw new Refusal("While parsing geo: invalid geometry");
}

/** The value in an answer's JSON. Ints keep all their digits. */
export function jsonText({ kind, text }: Scalar): string {
  return kind === "int" || kind === "float" || kind === "bool" || kind === "geo" ? text : JSON.stringify(text);
}

/** Below zero where left is smaller; undefined where they can not be compared. */
export function compareScalars(left: Scalar, right: Scalar): number | undefined {
  if (left.kind === "int" && right.kind === "int") {
    const difference = BigInt(left.text) - BigInt(right.text);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  if (left.kind === "float" || left.kind === "int") return Number(left.text) - Number(right.text);
  if (left.kind === "datetime") return Date.parse(left.text) - Date.parse(right.text);
  if (left.kind === "bool" || left.kind === "geo" || left.kind === "password")
    return left.text === right.text ? 0 : undefined;
  return left.text < right.text ? -1 : left.text > right.text ? 1 : 0;
}
