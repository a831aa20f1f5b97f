import type { Key } from "../element.js";
import { decodeKey, keyText } from "../state/codec.js";
import { packKey } from "../state/state-bytes.js";

const encoder = new TextEncoder();

/** A key in the name of a piece of state. */
export function entryKey(key: Key | undefined): string {
  return key === undefined ? "" : keyText(key);
}

export function keyOfEntry(text: string): Key | undefined {
  return text === "" ? undefined : decodeKey(encoder.encode(text));
}

/** The name of a piece of state, as bytes: its parts between bars. The key stands last, since it may hold one. */
export function entryBytes(...parts: readonly (string | number)[]): Uint8Array {
  return packKey(parts.join("|"));
}

/** The first `count` parts of a name, and the rest. */
export function entryParts(entry: string, count: number): string[] {
  const parts: string[] = [];
  let rest = entry;
  for (let i = 0; i < count; i++) {
    const bar = rest.indexOf("|");
    parts.push(rest.slice(0, bar));
    rest = rest.slice(bar + 1);
  }
  return [...parts, rest];
}
