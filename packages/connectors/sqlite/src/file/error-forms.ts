import { StreamError, WriteError } from "@millrace/core";
import { explain } from "./failure.js";

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What a source, a store or a method throws. */
export function streamError(error: unknown, path: string): StreamError {
  if (error instanceof StreamError) return error;
  const { code, message } = explain(error, path);
  return new StreamError(code, message, { cause: error });
}

/** What a reader throws: the engine reads again only after a failure that says it is passing. */
export function sourceError(error: unknown, path: string): StreamError | WriteError {
  if (error instanceof WriteError) return error;
  return explain(error, path).class === "transient" ? writeError(error, path) : streamError(error, path);
}

/** What a sink or a lookup throws: its class decides whether the engine tries again. */
export function writeError(error: unknown, path: string): WriteError {
  if (error instanceof WriteError) return error;
  const failure = explain(error, path);
  return new WriteError(failure.class, failure.code, failure.message, {
    cause: error,
    atomic: failure.class === "poison",
  });
}

/** Refuses an argument at the call. */
export function requireArgument(condition: unknown, message: string): asserts condition {
  if (!condition) throw new StreamError("E_ARGUMENT", message);
}
