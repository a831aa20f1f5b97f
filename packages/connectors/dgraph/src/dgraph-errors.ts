import { status } from "@grpc/grpc-js";
import { messageOf, WriteError } from "@millrace/core";

/** What was asked when a call failed: only a commit can have happened without an answer. */
export type Phase = "read" | "mutate" | "commit" | "alter";

/** Dgraph says many passing things with the code UNKNOWN. */
const PASSING = /please retry|not ready|no connection exists|unhealthy connection|overloaded|leader|pending proposals/i;
const ABORTED = /transaction has been aborted|transaction.*conflict|pending transactions found/i;
const BUSY = /too many requests|429/i;
const TOO_LARGE = /larger than max|too large|exceeds (the )?max/i;
const TOO_OLD = /transaction is too old|timestamp.*too old|read timestamp.*(below|less)/i;
const UNAUTHENTICATED =
  /token is expired|no accessJwt|unable to parse jwt|invalid username or password|unauthenticated/i;
const FORBIDDEN = /unauthorized|not authorized|permission denied|only guardians|no auth token/i;

/**
 * Of which class a failure of a call is, for calls of your own with a stub of dgraph-js, too.
 *
 * @example
 * ```ts
 * import { classifyDgraphError } from "@millrace/dgraph";
 * import { ERR_ABORTED } from "dgraph-js";
 * classifyDgraphError(ERR_ABORTED, "mutate").class; // "conflict"
 * ```
 */
export function classify(error: unknown, phase: Phase): WriteError {
  if (error instanceof WriteError) return error;
  const code = grpcCode(error);
  const text = detailsOf(error);
  const as = (...[errorClass, name, message, more]: Failure): WriteError =>
    new WriteError(errorClass, name, message, { cause: error, ...more });
  if (isUnauthenticated(error))
    return as(
      "fatal",
      "E_DGRAPH_AUTH",
      `Dgraph refused the credentials: ${text}. Check user, password, apiKey or token`,
    );
  if (code === status.PERMISSION_DENIED || (code === status.UNKNOWN && FORBIDDEN.test(text)))
    return as("fatal", "E_DGRAPH_FORBIDDEN", `Dgraph does not allow this user that: ${text}`);
  if (TOO_OLD.test(text)) return as("conflict", "E_DGRAPH_TOO_OLD", `the read timestamp is gone: ${text}`);
  if (code === status.ABORTED || code === status.FAILED_PRECONDITION || ABORTED.test(text))
    return as("conflict", "E_DGRAPH_ABORTED", `another transaction was first: ${text}`);
  if (code === status.RESOURCE_EXHAUSTED || BUSY.test(text))
    return TOO_LARGE.test(text)
      ? as("poison", "E_DGRAPH_TOO_LARGE", `a message was larger than allowed: ${text}`, { atomic: true })
      : as("throttled", "E_DGRAPH_BUSY", `Dgraph is busy: ${text}`);
  if (
    code === undefined ||
    !REFUSALS.has(code) ||
    PASSING.test(text) ||
    (phase === "commit" && code === status.UNKNOWN)
  )
    return as(
      phase === "commit" ? "unknown-outcome" : "transient",
      "E_DGRAPH_CONNECTION",
      `Dgraph can not be reached or is not ready: ${text}`,
    );
  if (code === status.UNIMPLEMENTED)
    return as("fatal", "E_DGRAPH_UNSUPPORTED", `this is no Dgraph, or one that does not know the call: ${text}`);
  return as("poison", "E_DGRAPH_REFUSED", `Dgraph refused: ${text}`, { atomic: true });
}

type Failure = readonly [
  errorClass: WriteError["class"],
  code: string,
  message: string,
  more?: { readonly atomic: true },
];

/** Codes by which a server says no to what was asked. Every other one is about the way to it. */
const REFUSALS: ReadonlySet<number> = new Set([
  status.UNKNOWN,
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
]);

/** The login is over, or never was. Some versions say it with UNKNOWN. */
export function isUnauthenticated(error: unknown): boolean {
  const code = grpcCode(error);
  return code === status.UNAUTHENTICATED || (code === status.UNKNOWN && UNAUTHENTICATED.test(detailsOf(error)));
}

export function grpcCode(error: unknown): number | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "number" ? code : undefined;
}

/** What the server said, without the code that gRPC puts before it. */
function detailsOf(error: unknown): string {
  const { details } = (error ?? {}) as { readonly details?: unknown };
  return typeof details === "string" && details !== "" ? details : messageOf(error);
}
