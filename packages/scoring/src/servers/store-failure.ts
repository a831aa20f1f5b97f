import { messageOf, WriteError } from "@millrace/core";
import { MongoNetworkError, MongoServerError, MongoServerSelectionError } from "mongodb";

/** A primary that is none any more, a shutdown, an election, a write conflict: another try may well succeed. */
const PASSING_CODES: ReadonlySet<number> = new Set([
  6, 7, 64, 89, 91, 112, 189, 251, 262, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436,
]);

/**
 * What a call to MongoDB failed with, in the engine's classes. A write that broke off may have been done: repeating it is safe, because
 * all writes of scoring compare a version or set what is set already.
 */
export function storeFailure(error: unknown, call: "read" | "write"): Error {
  if (error instanceof WriteError) return error;
  const message = `the citizen store did not ${call}: ${messageOf(error)}`;
  const cause = { cause: error };
  if (error instanceof MongoServerSelectionError) return new WriteError("transient", "E_SCORING_STORE", message, cause);
  const passing =
    error instanceof MongoNetworkError ||
    (error instanceof MongoServerError &&
      (PASSING_CODES.has(Number(error.code)) || error.hasErrorLabel("RetryableWriteError")));
  if (!passing) return new WriteError("fatal", "E_SCORING_STORE", message, cause);
  return new WriteError(call === "read" ? "transient" : "unknown-outcome", "E_SCORING_STORE", message, cause);
}

/** The call's result, or what {@link storeFailure} makes of its failure. */
export async function calling<T>(call: "read" | "write", work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeFailure(error, call);
  }
}
