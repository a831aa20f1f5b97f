import { TextDecoder } from "node:util";

/** A row of a Flux answer: column → value. A double is a number, a long a bigint, a time RFC 3339 text with nanoseconds; nothing is null, or "" in a string column. */
export type FluxRow = Readonly<Record<string, unknown>>;

interface Column {
  readonly label: string;
  readonly byDefault: string;
  readonly read: (text: string) => unknown;
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
    for (let i = 1; i < this.#columns.length; i++) {
      const { label, byDefault, read } = this.#columns[i] as Column;
      const value = read(record[i] || byDefault);
      // A tag may be called __proto__, which an assignment would not set.
      if (label === "__proto__")
        Object.defineProperty(row, label, { value, enumerable: true, writable: true, configurable: true });
      else row[label] = value;
    }
    if (isError(this.#columns)) throw this.#failed(String(row.error));
    return row;
  }

  #head(record: readonly string[]): readonly Column[] {
    const types = this.#annotations.get("#datatype");
    const defaults = this.#annotations.get("#default");
    return record.map((label, i) => ({
      label,
      byDefault: defaults?.[i] ?? "",
      read: readerOf(types?.[i] ?? "string"),
    }));
  }
}

/** InfluxDB reports what fails after its 200 as a table of just these two. */
function isError([, first, second, ...more]: readonly Column[]): boolean {
  return first?.label === "error" && second?.label === "reference" && more.length === 0;
}

/** Reads the texts of one column. */
function readerOf(type: string): (text: string) => unknown {
  switch (type) {
    case "string":
      return (text) => text;
    case "double":
      return (text) => (text === "" ? null : doubleOf(text));
    case "long":
    case "unsignedLong":
      return wholeNumbers();
    case "boolean":
      return (text) => (text === "" ? null : text === "true");
    default:
      return (text) => (text === "" ? null : text);
  }
}

function doubleOf(text: string): number {
  return text === "+Inf" ? Number.POSITIVE_INFINITY : text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

/** Each answer has a column, the table's number, that stays the same from row to row. */
function wholeNumbers(): (text: string) => unknown {
  let last = "";
  let value: bigint | null = null;
  return (text) => {
    if (text !== last) {
      value = text === "" ? null : BigInt(text);
      last = text;
    }
    return value;
  };
}

/** Splits text, cut anywhere, into records. InfluxDB writes a line break in a value as CR LF and drops each CR: so CR LF is a line break, and there is no CR. */
class CsvRecords {
  #text = "";

  *read(more: string): Generator<readonly string[]> {
    const text = this.#text + more;
    let begin = 0;
    let quote = text.indexOf('"');
    for (;;) {
      const end = text.indexOf("\n", begin);
      if (quote !== -1 && quote < begin) quote = text.indexOf('"', begin);
      if (quote === -1 || quote > end) {
        if (end === -1) break;
        yield text.slice(begin, text[end - 1] === "\r" ? end - 1 : end).split(",");
        begin = end + 1;
      } else {
        const quoted = quotedRecord(text, begin);
        if (quoted === undefined) break;
        yield quoted.record;
        begin = quoted.end;
      }
    }
    this.#text = text.slice(begin);
  }
}

/** A record that has quotes in it, and where it ends; undefined where the text ends first. */
function quotedRecord(
  text: string,
  begin: number,
): { readonly record: readonly string[]; readonly end: number } | undefined {
  const record: string[] = [];
  for (let at = begin; ; ) {
    const end = endOfField(text, at);
    const next = text[end];
    // At the text's end nobody knows whether more of the field follows.
    if (next === undefined || (next === "\r" && end + 1 >= text.length)) return undefined;
    record.push(unquoted(text.slice(at, end)));
    at = end + (next === "\r" ? 2 : 1);
    if (next !== ",") return { record, end: at };
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
