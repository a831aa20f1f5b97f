import { randomUUID } from "node:crypto";
import { messageOf, WriteError } from "@millrace/core";

/** Strings and whole numbers: digits inside a string or behind a point are none. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG_INT = /^-?\d{16,}$/;
const LONG_NUMBER = /\d{16}/;
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * An answer's JSON. Dgraph's `int` has 64 bits: what a number can not hold comes as a bigint, where dgraph-js rounds it. Broken text is an error, where
 * dgraph-js says `{}`.
 */
export function parseAnswer(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return {};
  try {
    const text = decoder.decode(bytes);
    return LONG_NUMBER.test(text) ? parseLong(text) : JSON.parse(text);
  } catch (error) {
    throw new WriteError("transient", "E_DGRAPH_ANSWER", `Dgraph's answer can not be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function parseLong(text: string): unknown {
  // Nobody's data begins with it.
  const mark = randomUUID();
  const marked = text.replace(TOKENS, (token) =>
    LONG_INT.test(token) && !Number.isSafeInteger(Number(token)) ? `"${mark}${token}"` : token,
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}
