import { Refusal } from "./refusal.js";

/** A piece of a query: a name, a string's content, a number, a variable, or a mark. */
export interface Token {
  readonly kind: "name" | "string" | "number" | "variable" | "mark";
  readonly text: string;
}

const TOKEN =
  /\s+|#[^\n]*|<([^<>\s]+)>|"((?:[^"\\]|\\.)*)"|\$([A-Za-z_]\w*)|(0x[0-9a-fA-F]+|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(~?[\p{L}_][\p{L}\p{N}_.]*)|([(){}[\]:,@=*!~])/uy;

export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null)
      throw new Refusal(
        `line 1 column ${at}: Unrecognized character in query: ${JSON.stringify(text.slice(at, at + 20))}`,
      );
    const [, bracketed, string, variable, number, name, mark] = match;
    if (bracketed !== undefined) tokens.push({ kind: "name", text: bracketed });
    else if (string !== undefined) tokens.push({ kind: "string", text: JSON.parse(`"${string}"`) });
    else if (variable !== undefined) tokens.push({ kind: "variable", text: variable });
    else if (number !== undefined) tokens.push({ kind: "number", text: number });
    else if (name !== undefined) tokens.push({ kind: "name", text: name });
    else if (mark !== undefined) tokens.push({ kind: "mark", text: mark });
  }
  return tokens;
}
