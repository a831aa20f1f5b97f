import type { PredicateKind } from "./predicate-schema.js";

/** A value of a field. `null` takes the field away; a list replaces the list that is there. */
export type DgraphValue = string | number | bigint | boolean | Date | DgraphGeo | readonly DgraphScalar[] | null;
/** One value of a list. */
export type DgraphScalar = string | number | bigint | boolean | Date;
/** A GeoJSON shape. */
export interface DgraphGeo {
  readonly type: string;
  readonly coordinates: readonly unknown[];
}
/** A facet of an edge. Numbers are floats, so that all of a facet are of one type; bigints are ints. */
export type DgraphFacet = string | number | bigint | boolean | Date;

/** Why a value can not be written. */
export class UnwritableValue extends Error {
  override readonly name = "UnwritableValue";
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
/** What a literal must not hold as it is. Dgraph takes no others as escapes in facets, and needs none. */
const ESCAPED = /["\\\n\r\t]/g;

/** A string in quotes. Throws where it can not be said in UTF-8. */
export function quoted(text: string): string {
  if (!text.isWellFormed()) throw new UnwritableValue("it has half of a surrogate pair, which no UTF-8 can say");
  return `"${text.replace(ESCAPED, (character) => ESCAPES[character] as string)}"`;
}

/** A field's value as an N-Quad's object, of the type that the predicate has. Throws {@link UnwritableValue}. */
export function literal(value: Exclude<DgraphValue, null | readonly DgraphScalar[]>, kind: PredicateKind): string {
  switch (kind) {
    case "string":
    case "default":
      // Typed: an untyped `_STAR_ALL` means everything.
      return `${quoted(stringOf(value))}^^<xs:string>`;
    case "int":
      return `"${integerOf(value)}"^^<xs:int>`;
    case "float":
      if (typeof value !== "number" || !Number.isFinite(value)) throw unfit(value, "a finite number");
      return `"${value}"^^<xs:float>`;
    case "bool":
      if (typeof value !== "boolean") throw unfit(value, "true or false");
      return `"${value}"^^<xs:boolean>`;
    case "datetime":
      return `"${timeOf(value)}"^^<xs:dateTime>`;
    case "geo":
      if (typeof value !== "object" || value instanceof Date) throw unfit(value, "a GeoJSON object");
      return `${quoted(JSON.stringify(value))}^^<geo:geojson>`;
    case "password":
      return `${quoted(stringOf(value))}^^<xs:password>`;
    case "uid":
      throw new UnwritableValue("the predicate holds edges: give them in `edges`");
  }
}

function stringOf(value: unknown): string {
  if (typeof value !== "string") throw unfit(value, "a string");
  return value;
}

function integerOf(value: unknown): string {
  if (typeof value === "bigint" && value >= INT64_MIN && value <= INT64_MAX) return String(value);
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value === 0 ? 0 : value);
  throw unfit(value, "a whole number that a number holds exactly, or a bigint of 64 bits");
}

function timeOf(value: unknown): string {
  const time = typeof value === "string" ? new Date(value) : value;
  if (!(time instanceof Date) || Number.isNaN(time.getTime())) throw unfit(value, "a Date or its ISO text");
  const year = time.getUTCFullYear();
  if (year < 1 || year > 9999) throw unfit(value, "a time in the years 1 to 9999");
  return time.toISOString();
}

/** The facets of an edge, with what surrounds them; nothing without facets. */
export function facetList(facets: Readonly<Record<string, DgraphFacet>> | undefined): string {
  const entries = Object.entries(facets ?? {});
  return entries.length === 0 ? "" : ` (${entries.map(([key, value]) => `${key}=${facetText(value)}`).join(", ")})`;
}

/** A facet as it stands in an N-Quad. Throws {@link UnwritableValue}. */
export function facetText(value: DgraphFacet): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "boolean":
      return String(value);
    case "bigint":
      return integerOf(value);
    case "number": {
      if (!Number.isFinite(value)) throw unfit(value, "a finite number");
      const text = String(value);
      return /[.e]/.test(text) ? text : `${text}.0`;
    }
    default:
      return timeOf(value);
  }
}

function unfit(value: unknown, wanted: string): UnwritableValue {
  const kind = value === null ? "null" : value instanceof Date ? "a Date" : typeof value;
  const shown = typeof value === "number" || typeof value === "bigint" ? ` (${value})` : "";
  return new UnwritableValue(`it must be ${wanted}; it is ${kind}${shown}`);
}
