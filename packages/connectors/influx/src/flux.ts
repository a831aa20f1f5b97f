import { requireArgument } from "@millrace/core";

/** What a query takes as a parameter: a bigint or a whole number is an `int`, any other number a `float`, a Date a `time`; or a piece of Flux made by the tag. */
export type FluxParameter = string | number | bigint | boolean | Date | FluxQuery | readonly FluxParameter[];

/** Flux whose parameters are escaped: only {@link flux} makes it. */
export class FluxQuery {
  readonly #text: string;

  /** @internal */
  constructor(strings: TemplateStringsArray, parameters: readonly FluxParameter[]) {
    let text = "";
    strings.raw.forEach((piece, i) => {
      text += piece;
      if (i < parameters.length) {
        requireArgument(
          !insideLiteral(strings.raw.slice(0, i + 1).join("0")),
          "flux: a parameter stands inside a string, a regular expression or a comment; give the whole value as a parameter, without quotes",
        );
        text += literal(parameters[i] as FluxParameter);
      }
    });
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/**
 * Flux with parameters that can never be more than values: strings are escaped and quoted, so write no quotes around them. Throws `E_ARGUMENT` for a
 * parameter inside a string (where the client's own `flux` lets it break out), and for what has no literal in Flux. Pieces made by the tag can be put
 * into one another. What stands in the template itself is taken as it is, backslashes too.
 *
 * @example
 * ```ts
 * import { flux } from "@millrace/influx";
 * const id = 'ada" or true';
 * const query = flux`from(bucket: ${"scores"}) |> range(start: ${new Date(0)}) |> filter(fn: (r) => r.id == ${id})`;
 * ```
 */
export function flux(strings: TemplateStringsArray, ...parameters: readonly FluxParameter[]): FluxQuery {
  // Called as a plain function, it would take text of any origin for a template.
  requireArgument(
    Array.isArray(strings) && Array.isArray(strings.raw) && Object.isFrozen(strings),
    "flux: it is a template tag, flux`…`",
  );
  return new FluxQuery(strings, parameters);
}

const INT64 = 2n ** 63n;

function literal(value: FluxParameter): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "boolean":
      return String(value);
    case "bigint":
      requireArgument(value > -INT64 && value < INT64, `flux: ${value} is over 64 bits`);
      return `(${value})`;
    case "number":
      if (Number.isSafeInteger(value)) return `(${value})`;
      requireArgument(Number.isFinite(value), `flux: there is no literal for ${value}`);
      return `float(v: "${value}")`;
    default:
      if (value instanceof FluxQuery) return String(value);
      if (value instanceof Date) return `time(v: ${quoted(value.toISOString())})`;
      requireArgument(Array.isArray(value), `flux: a parameter can not be ${Object.prototype.toString.call(value)}`);
      return `[${value.map(literal).join(", ")}]`;
  }
}

/** "$" by its number, so that no interpolation can come about; control characters too: NUL would end the query. */
function quoted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are meant
  return `"${text.replace(/["\\$\x00-\x1f]/g, (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, "0")}`)}"`;
}

/** Strings, regular expressions (where a value may begin), and comments, whole or open at the end. */
const LITERALS = /"(?:\\[\s\S]?|[^"\\])*("?)|[~(,:=[]\s*\/(?!\/)(?:\\.?|[^/\\\n])*(\/?)|\/\/[^\n]*(\n?)/g;

/** Whether the text ends inside of one. */
function insideLiteral(text: string): boolean {
  for (const match of text.matchAll(LITERALS)) {
    const [whole, quote, slash, lineEnd] = match;
    if (match.index + whole.length === text.length && !(quote || slash || lineEnd)) return true;
  }
  return false;
}
