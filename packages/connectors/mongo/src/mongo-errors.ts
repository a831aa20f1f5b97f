import { type ErrorClass, messageOf, StreamError, WriteError } from "@millrace/core";
import {
  MongoBulkWriteError,
  MongoClientClosedError,
  MongoCompatibilityError,
  MongoError,
  MongoInvalidArgumentError,
  MongoMissingCredentialsError,
  MongoMissingDependencyError,
  MongoNetworkError,
  MongoParseError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} from "mongodb";

const UNAUTHORIZED = 13;
const AUTHENTICATION_FAILED = 18;
const ATLAS_ERROR = 8000;
const AUTH_CODES: ReadonlySet<number> = new Set([UNAUTHORIZED, AUTHENTICATION_FAILED, ATLAS_ERROR]);
export const DUPLICATE_KEY = 11_000;
export const NAMESPACE_EXISTS = 48;

/** Bad namespaces, options and write concerns, commands that this server does not have. */
const FATAL_CODES: ReadonlySet<number> = new Set([...AUTH_CODES, 20, 26, 59, 72, 73, 79, 100, 115, 166, 263]);
const CONFLICT_CODES: ReadonlySet<number> = new Set([112, 251]);
/** Bad values, bad operators, immutable and missing fields, validation, sizes: the same write would fail again. */
const POISON_CODES: ReadonlySet<number> = new Set([
  ...[2, 9, 14, 22, 28, 40, 52, 53, 54, 55, 56, 57, 61, 66, 121],
  ...[10_003, 10_334, DUPLICATE_KEY, 16_755, 17_280, 17_419, 17_420],
]);
const TOO_LARGE_CODES: ReadonlySet<number> = new Set([10_334, 17_280, 17_419, 17_420]);
/** The primary has the write; whether a majority will have it is not known. */
const WRITE_CONCERN_TIMEOUT = 64;
const RATE_LIMIT = 462;

/** Of which class a failure of the driver or the server is. */
export function classify(error: unknown): WriteError {
  if (error instanceof WriteError) return error;
  const text = messageOf(error);
  const cause = { cause: error };
  if (error instanceof MongoBulkWriteError) {
    // The driver wraps what broke a bulk write off: the error itself is inside.
    const inner: unknown = error.errorResponse;
    if (inner instanceof MongoError && inner !== error) return classify(inner);
  }
  if (error instanceof MongoServerSelectionError)
    return new WriteError("transient", "E_MONGO_CONNECTION", `MongoDB can not be reached: ${text}`, cause);
  if (error instanceof MongoClientClosedError || error instanceof MongoTopologyClosedError)
    return new WriteError("fatal", "E_MONGO_CONNECTION", `the client of MongoDB was closed: ${text}`, cause);
  if (error instanceof MongoNetworkError)
    return isBeforeSending(error)
      ? new WriteError("transient", "E_MONGO_CONNECTION", `MongoDB can not be reached: ${text}`, cause)
      : new WriteError("unknown-outcome", "E_MONGO_CONNECTION", `the connection to MongoDB broke: ${text}`, cause);
  if (
    error instanceof MongoParseError ||
    error instanceof MongoCompatibilityError ||
    error instanceof MongoMissingCredentialsError ||
    error instanceof MongoMissingDependencyError
  )
    return new WriteError("fatal", "E_MONGO_ARGUMENT", `MongoDB's driver can not work so: ${text}`, cause);
  if (error instanceof MongoInvalidArgumentError)
    return new WriteError("poison", "E_MONGO_ARGUMENT", text, { ...cause, atomic: true });
  if (error instanceof MongoServerError)
    return new WriteError(classOfServerError(error), codeName(numberOf(error.code)), `MongoDB: ${text}`, cause);
  if (error instanceof MongoError)
    return new WriteError("transient", "E_MONGO_CONNECTION", `MongoDB's driver failed: ${text}`, cause);
  return new WriteError("poison", "E_MONGO_VALUE", text, { ...cause, atomic: true });
}

/** A read changes nothing: where the connection broke, it is asked again. */
export function classifyRead(error: unknown): WriteError | StreamError {
  if (error instanceof StreamError) return error;
  const failure = classify(error);
  if (failure.class !== "unknown-outcome" && failure.class !== "conflict") return failure;
  return new WriteError("transient", failure.code, failure.message, { cause: failure.cause });
}

/**
 * What a failure of the driver or the server is to the engine, for calls that you make yourself with a client, as in `mapAsync`: with
 * `"write"` a broken connection leaves open whether it was done, a `"read"` is simply asked again. An error of Millrace's own is given
 * back as it is.
 *
 * @example
 * ```ts
 * import { classifyMongoError } from "@millrace/mongo";
 * import type { Collection } from "mongodb";
 * async function nameOf(citizens: Collection, citizen: string): Promise<string> {
 *   const found = await citizens.findOne({ citizen }).catch((error) => {
 *     throw classifyMongoError(error, "read");
 *   });
 *   return String(found?.name);
 * }
 * ```
 */
export function classifyMongoError(error: unknown, call: "read" | "write"): WriteError | StreamError {
  if (error instanceof StreamError) return error;
  return call === "read" ? classifyRead(error) : classify(error);
}

/** Of which class an error number is. */
export function classOfCode(code: number | undefined): ErrorClass {
  if (code === undefined) return "transient";
  if (FATAL_CODES.has(code)) return "fatal";
  if (CONFLICT_CODES.has(code)) return "conflict";
  if (code === WRITE_CONCERN_TIMEOUT) return "unknown-outcome";
  if (code === RATE_LIMIT) return "throttled";
  return POISON_CODES.has(code) ? "poison" : "transient";
}

/** The library's code for an error number. */
export function codeName(code: number | undefined): `E_${string}_${string}` {
  if (code !== undefined && AUTH_CODES.has(code)) return "E_MONGO_AUTH";
  if (code !== undefined && TOO_LARGE_CODES.has(code)) return "E_MONGO_TOO_LARGE";
  return `E_MONGO_${code ?? "SERVER"}`;
}

/** The number of an error, wherever the driver put it. */
export function numberOf(code: unknown): number | undefined {
  return typeof code === "number" ? code : undefined;
}

/** The number of whatever was thrown. */
export function codeOf(error: unknown): number | undefined {
  return error instanceof MongoServerError ? numberOf(error.code) : undefined;
}

function classOfServerError(error: MongoServerError): ErrorClass {
  if (error.hasErrorLabel("UnknownTransactionCommitResult")) return "unknown-outcome";
  if (error.hasErrorLabel("TransientTransactionError")) return "conflict";
  if (error.hasErrorLabel("SystemOverloadedError")) return "throttled";
  if (error instanceof MongoWriteConcernError) return "unknown-outcome";
  return classOfCode(numberOf(error.code));
}

/** No connection was had, so nothing was sent. */
function isBeforeSending(error: MongoNetworkError): boolean {
  return error.name === "MongoPoolClearedError" || /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/.test(error.message);
}
