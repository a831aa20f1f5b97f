/** A parser of line protocol as influxd's own reads it, written from what influxd does (`hostile.server.test.ts`), not from our encoder. */
export interface ParsedLine {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, number | bigint | boolean | string>>;
  readonly time: bigint;
}

export function parseLine(line: string): ParsedLine {
  if (line.includes("\n") && !line.includes('"')) throw new Error("a line break outside of a string");
  const series = until(line, 0, " ");
  const [measurement = "", ...pairs] = cut(series, ",");
  const rest = line.slice(series.length + 1);
  const fieldSet = fieldsOf(rest);
  return {
    measurement: plain(measurement, ", "),
    tags: Object.fromEntries(pairs.map((pair) => pairOf(pair))),
    fields: fieldSet.fields,
    time: BigInt(rest.slice(fieldSet.end + 1)),
  };
}

function pairOf(pair: string): readonly [string, string] {
  const name = until(pair, 0, "=");
  const value = pair.slice(name.length + 1);
  if (name === "" || value === "") throw new Error(`an empty tag: ${pair}`);
  return [plain(name, ",= "), plain(value, ",= ")];
}

function fieldsOf(text: string): { readonly fields: ParsedLine["fields"]; readonly end: number } {
  // A field may be named __proto__, which an assignment would not set.
  const fields = new Map<string, number | bigint | boolean | string>();
  for (let at = 0; ; ) {
    const name = until(text, at, "=");
    at += name.length + 1;
    let end = at;
    if (text[at] === '"') for (end++; end < text.length && text[end] !== '"'; end++) if (text[end] === "\\") end++;
    while (end < text.length && text[end] !== "," && text[end] !== " ") end++;
    if (end >= text.length) throw new Error(`the fields do not end: ${text}`);
    fields.set(plain(name, ",= "), fieldOf(text.slice(at, end)));
    if (text[end] === " ") return { fields: Object.fromEntries(fields), end };
    at = end + 1;
  }
}

function fieldOf(text: string): number | bigint | boolean | string {
  if (text.startsWith('"')) return text.slice(1, -1).replace(/\\(["\\])/g, "$1");
  if (text === "true" || text === "false") return text === "true";
  return text.endsWith("i") ? BigInt(text.slice(0, -1)) : Number(text);
}

/** A separator counts unless a backslash stands just before it. */
function until(text: string, from: number, separator: string): string {
  let at = from;
  while (at < text.length && !(text[at] === separator && text[at - 1] !== "\\")) at++;
  return text.slice(from, at);
}

function cut(text: string, separator: string): string[] {
  const parts: string[] = [];
  for (let at = 0; at <= text.length; at += (parts.at(-1) as string).length + 1) parts.push(until(text, at, separator));
  return parts;
}

/** A backslash is itself unless it stands before one of these. */
function plain(text: string, special: string): string {
  return text.replace(new RegExp(`\\\\([${special}])`, "g"), "$1");
}
