import { TextDecoder } from "node:util";

/** A row of a Flux answer: column → value. A double is a number, a long a bigint, a time RFC 3339 text with nanoseconds; nothing is null, or "" in a string column. */
export type FluxRow = Readonly<Record<string, unknown>>;

interface Column {
  readonly label: string;
  readonly type: string;
  readonly byDefault: string;
}

/** Reads the annotated CSV of a Flux answer from its bytes, cut anywhere. Throws what `failed` makes of an error table. */
export class AnnotatedCsv {
  readonly #records: CsvRecords = new CsvRecords();
  readonly #decoder: TextDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #failed: (message: string) => Error;
  #annotations = new Map<string, readonly string[]>();
  #columns: readonly Column[] | undefined;

  constructor(failed: (message: string) => Error) {
    this.#failed = failed;
  }

  *rows(bytes: Uint8Array): Generator<FluxRow> {
    for (const record of this.#records.read(this.#decoder.decode(bytes, { stream: true }))) {
      const row = this.#row(record);
      if (row !== undefined) yield row;
    }
  }

  #row(record: readonly string[]): FluxRow | undefined {
    const [first = ""] = record;
    if (record.length === 1 && first === "") {
      // An empty line: what follows has a head of its own.
      this.#annotations = new Map();
      this.#columns = undefined;
      return undefined;
    }
    if (first.startsWith("#")) {
      this.#columns = undefined;
      this.#annotations.set(first, record);
      return undefined;
    }
    if (this.#columns === undefined) {
      this.#columns = this.#head(record);
      return undefined;
    }
    const row: Record<string, unknown> = {};
    this.#columns.forEach(({ label, type, byDefault }, i) => {
      if (i === 0) return;
      const value = typed(type, record[i] || byDefault);
      // A tag may be called __proto__, which an assignment would not set.
      if (label === "__proto__")
        Object.defineProperty(row, label, { value, enumerable: true, writable: true, configurable: true });
      else row[label] = value;
    });
    if (isError(this.#columns)) throw this.#failed(String(row.error));
    return row;
  }

  #head(record: readonly string[]): readonly Column[] {
    const types = this.#annotations.get("#datatype");
    const defaults = this.#annotations.get("#default");
    return record.map((label, i) => ({ label, type: types?.[i] ?? "string", byDefault: defaults?.[i] ?? "" }));
  }
}

/** InfluxDB reports what fails after its 200 as a table of just these two. */
function isError([, first, second, ...more]: readonly Column[]): boolean {
  return first?.label === "error" && second?.label === "reference" && more.length === 0;
}

function typed(type: string, text: string): unknown {
  if (type === "string") return text;
  if (text === "") return null;
  switch (type) {
    case "double":
      return text === "+Inf" ? Number.POSITIVE_INFINITY : text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
    case "long":
    case "unsignedLong":
      return BigInt(text);
    case "boolean":
      return text === "true";
    default:
      return text;
  }
}

/** Splits text, cut anywhere, into records. InfluxDB writes a line break in a value as CR LF and drops each CR: so CR LF is a line break, and there is no CR. */
class CsvRecords {
  #text = "";

  *read(more: string): Generator<readonly string[]> {
    const text = this.#text + more;
    let record: string[] = [];
    let begin = 0;
    for (let at = 0; at < text.length; ) {
      const end = endOfField(text, at);
      const next = text[end];
      // At the text's end nobody knows whether more of the field follows.
      if (next === undefined || (next === "\r" && end + 1 >= text.length)) break;
      record.push(unquoted(text.slice(at, end)));
      at = end + (next === "\r" ? 2 : 1);
      if (next !== ",") {
        yield record;
        record = [];
        begin = at;
      }
    }
    this.#text = text.slice(begin);
  }
}

const LF = 10;
const CR = 13;
const COMMA = 44;

/** Where the field that begins here ends: at a comma, a line end, or the end of the text. */
function endOfField(text: string, begin: number): number {
  let at = begin;
  while (text[at] === '"') {
    const quote = text.indexOf('"', at + 1);
    if (quote === -1) return text.length;
    at = quote + 1;
  }
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === LF || code === CR) break;
  }
  return at;
}

function unquoted(field: string): string {
  return field.startsWith('"') ? field.slice(1, -1).replace(/""/g, '"').replace(/\r\n/g, "\n") : field;
}
