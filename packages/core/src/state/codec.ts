import type { Key } from "../element.js";
import { messageOf, StreamError } from "../errors.js";

/**
 * Turns state into bytes and back. `version` is stored with the bytes; decode gets the version they were written with. Bytes of a newer
 * version are refused.
 *
 * @example
 * ```ts
 * import type { Codec } from "@millrace/core";
 * const score: Codec<{ points: number; badges: readonly string[] }> = {
 *   version: 2,
 *   encode: (state) => new TextEncoder().encode(JSON.stringify(state)),
 *   decode: (bytes, version) => {
 *     const state = JSON.parse(new TextDecoder().decode(bytes));
 *     return version === 1 ? { points: state.points, badges: [] } : state;
 *   },
 * };
 * ```
 */
export interface Codec<S> {
  readonly version: number;
  encode(state: S): Uint8Array;
  decode(bytes: Uint8Array, version: number): S;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
/** Marks an object that stands for something JSON does not have; a user's key that begins with it gets one more. */
const TAG = "$";

const TYPED_ARRAYS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;
type TypedArrayName = keyof typeof TYPED_ARRAYS;

/**
 * The default codec: JSON, with Date, Map, Set, bigint, NaN, ±Infinity, -0, undefined and typed arrays as tagged objects. Class instances, functions and
 * symbols are refused (`E_STATE_CODEC`), since they would come back as something else. `where` names the operator in the error.
 */
export function jsonCodec<S>(where: string): Codec<S> {
  return new JsonCodec<S>(where);
}

/** The default codec as a class, for those who want its text rather than bytes. */
export class JsonCodec<S> implements Codec<S> {
  readonly version: number = 1;
  readonly #where: string;

  constructor(where: string) {
    this.#where = where;
  }

  encode(state: S): Uint8Array {
    return encoder.encode(this.text(state));
  }

  /** What encode() gives, as text. */
  text(state: S): string {
    return JSON.stringify(isPlain(state) ? state : toJson(state, this.#where, ""));
  }

  decode(bytes: Uint8Array): S {
    const [json, tagged] = parse(bytes, this.#where);
    return (tagged ? fromJson(json) : json) as S;
  }
}

/** Nothing in it needs a tag, so JSON says it as it is. */
function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      return value === null || (Array.isArray(value) ? isPlainArray(value) : isPlainObject(value));
    default:
      return false;
  }
}

function isPlainArray(values: readonly unknown[]): boolean {
  for (const value of values) if (!isPlain(value)) return false;
  return true;
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) if (key.startsWith(TAG) || !isPlain((value as Record<string, unknown>)[key])) return false;
  return true;
}

/** The JSON, and whether something in it may have a tag. */
function parse(bytes: Uint8Array, where: string): [json: unknown, tagged: boolean] {
  try {
    const text = decoder.decode(bytes);
    return [JSON.parse(text), text.includes(`"${TAG}`)];
  } catch (cause) {
    throw new StreamError("E_STATE_CODEC", `the saved state of "${where}" can not be read: ${messageOf(cause)}`, {
      cause,
      operator: where,
    });
  }
}

function toJson(value: unknown, where: string, path: string): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { [TAG]: "number", v: Object.is(value, -0) ? "-0" : String(value) };
    case "bigint":
      return { [TAG]: "bigint", v: String(value) };
    case "undefined":
      return { [TAG]: "undefined" };
    case "object":
      return value === null ? null : objectToJson(value, where, path);
    default:
      throw refused(where, path, `a ${typeof value}`);
  }
}

function objectToJson(value: object, where: string, path: string): unknown {
  if (Array.isArray(value)) return Array.from(value, (item, i) => toJson(item, where, `${path}[${i}]`));
  if (value instanceof Date) return { [TAG]: "date", v: String(value.getTime()) };
  if (value instanceof Map)
    return {
      [TAG]: "map",
      v: Array.from(value, ([k, v]) => [toJson(k, where, `${path}.keys()`), toJson(v, where, `${path}.get(…)`)]),
    };
  if (value instanceof Set)
    return { [TAG]: "set", v: Array.from(value, (item) => toJson(item, where, `${path}.values()`)) };
  if (ArrayBuffer.isView(value)) return typedArrayToJson(value, where, path);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw refused(where, path, `an instance of ${prototype.constructor?.name ?? "a class"}`);
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value))
    defineOwn(out, key.startsWith(TAG) ? TAG + key : key, toJson(item, where, `${path}.${key}`));
  return out;
}

function typedArrayToJson(value: ArrayBufferView, where: string, path: string): unknown {
  const name = Buffer.isBuffer(value) ? "Uint8Array" : value.constructor.name;
  if (!(name in TYPED_ARRAYS)) throw refused(where, path, `a ${name}`);
  return {
    [TAG]: "bytes",
    t: name,
    v: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"),
  };
}

function refused(where: string, path: string, what: string): StreamError {
  return new StreamError(
    "E_STATE_CODEC",
    `state of "${where}" holds ${what}${path === "" ? "" : ` at ${path.replace(/^\./, "")}`}, which can not be saved: use plain objects, arrays, Date, Map, Set, bigint or typed arrays, or give the operator a codec`,
    { operator: where },
  );
}

function fromJson(json: unknown): unknown {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map(fromJson);
  const tagged = json as { [TAG]?: string; t?: TypedArrayName; v?: unknown };
  if (typeof tagged[TAG] === "string") return untag(tagged as { [TAG]: string; t?: TypedArrayName; v?: unknown });
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(json))
    defineOwn(out, key.startsWith(TAG) ? key.slice(TAG.length) : key, fromJson(item));
  return out;
}

/** Sets a property as data even where its name is `__proto__`, which plain assignment would take for the prototype. */
function defineOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

function untag(tagged: { [TAG]: string; t?: TypedArrayName; v?: unknown }): unknown {
  switch (tagged[TAG]) {
    case "number":
      return Number(tagged.v);
    case "bigint":
      return BigInt(tagged.v as string);
    case "undefined":
      return undefined;
    case "date":
      return new Date(Number(tagged.v));
    case "map":
      return new Map((tagged.v as [unknown, unknown][]).map(([k, v]) => [fromJson(k), fromJson(v)]));
    case "set":
      return new Set((tagged.v as unknown[]).map(fromJson));
    case "bytes": {
      const bytes = Uint8Array.from(Buffer.from(tagged.v as string, "base64"));
      return new TYPED_ARRAYS[tagged.t as TypedArrayName](bytes.buffer);
    }
    default:
      throw new StreamError("E_STATE_CODEC", `saved state has the unknown tag "${tagged[TAG]}"`);
  }
}

/** A key as bytes: its type and its text, so that `1` and `"1"` differ. */
export function encodeKey(key: Key): Uint8Array {
  return encoder.encode(keyText(key));
}

/** A key as text: `s:` string, `n:` number, `i:` bigint, `b:` boolean. */
export function keyText(key: Key): string {
  switch (typeof key) {
    case "string":
      return `s:${key}`;
    case "number":
      return `n:${Object.is(key, -0) ? 0 : key}`;
    case "bigint":
      return `i:${key}`;
    default:
      return `b:${key}`;
  }
}

/** What encodeKey() was given. */
export function decodeKey(bytes: Uint8Array): Key {
  const text = decoder.decode(bytes);
  const rest = text.slice(2);
  switch (text.slice(0, 2)) {
    case "s:":
      return rest;
    case "n:":
      return Number(rest);
    case "i:":
      return BigInt(rest);
    case "b:":
      return rest === "true";
    default:
      throw new StreamError("E_STATE_CODEC", `a saved key is not one: ${JSON.stringify(text)}`);
  }
}
