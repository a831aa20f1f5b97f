import type { Key } from "../element.js";
import { decodeKey, keyText } from "./codec.js";

const encoder = new TextEncoder();

/** Two keys as one text: the length of the first tells where the second begins. */
export function pairText(first: Key, second: Key): string {
  const text = keyText(first);
  return `${text.length}:${text}${keyText(second)}`;
}

/** What pairText() was given. */
export function splitPair(pair: string): readonly [first: Key, second: Key] {
  const colon = pair.indexOf(":");
  const end = colon + 1 + Number(pair.slice(0, colon));
  return [keyOf(pair.slice(colon + 1, end)), keyOf(pair.slice(end))];
}

/** What keyText() was given. */
export function keyOf(text: string): Key {
  return decodeKey(encoder.encode(text));
}

/** An order of keys that does not depend on when they came: booleans, numbers, bigints, then texts, each by value. */
export function compareKeys(left: Key, right: Key): number {
  const rank = rankOf(left) - rankOf(right);
  if (rank !== 0) return rank;
  return left < right ? -1 : left > right ? 1 : 0;
}

function rankOf(key: Key): number {
  return ["boolean", "number", "bigint", "string"].indexOf(typeof key);
}
