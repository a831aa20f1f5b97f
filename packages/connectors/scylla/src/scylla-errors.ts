import { type ErrorClass, messageOf, WriteError } from "@millrace/core";
import cassandra from "cassandra-driver";
import { DatacenterError } from "./local-datacenter.js";

const { errors, types } = cassandra;
const { responseErrorCodes: codes } = types;

/** ScyllaDB's own, for a partition that is asked too often. */
const RATE_LIMIT = 0x4321;
/** A conditional write of which the coordinator does not know how it ended; from protocol v5 on. */
const CAS_WRITE_UNKNOWN = 0x1700;

/** What the server calls invalid because of what it is asked of, not because of a value. */
const SCHEMA = /does not exist|unconfigured table|undefined (column )?name|unknown identifier|unidentified column/i;

/** The server refuses a batch for its size: its halves may pass. */
export const TOO_LARGE = "E_SCYLLA_TOO_LARGE";

/**
 * Of which class a failure of the driver or the server is, for calls of your own with the driver, too. A `write` that got no answer may
 * have been done.
 *
 * @example
 * ```ts
 * import { classifyScyllaError } from "@millrace/scylla";
 * import { errors } from "cassandra-driver";
 * classifyScyllaError(new errors.OperationTimedOutError("late"), "write").class; // "unknown-outcome"
 * classifyScyllaError(new errors.OperationTimedOutError("late"), "read").class; // "transient"
 * ```
 */
export function classify(error: unknown, during: "read" | "write"): WriteError {
  if (error instanceof WriteError) return error;
  const lost: ErrorClass = during === "write" ? "unknown-outcome" : "transient";
  if (error instanceof errors.NoHostAvailableError) return noHost(error);
  if (error instanceof DatacenterError) return made("fatal", "E_SCYLLA_DATACENTER", "check localDataCenter", error);
  if (error instanceof errors.AuthenticationError)
    return made("fatal", "E_SCYLLA_AUTH", "the login was refused", error);
  if (error instanceof errors.BusyConnectionError)
    return made("throttled", "E_SCYLLA_BUSY", "too many requests are under way on every connection", error);
  if (error instanceof errors.OperationTimedOutError)
    return made(lost, "E_SCYLLA_TIMEOUT", "the server did not answer in time", error);
  if (error instanceof errors.ResponseError) return answered(error, lost);
  if (isSocketError(error)) return made(lost, "E_SCYLLA_CONNECTION", "the connection broke", error);
  if (error instanceof errors.ArgumentError || error instanceof errors.NotSupportedError)
    return made("fatal", "E_SCYLLA_CONFIG", "the driver refuses the request", error);
  if (error instanceof TypeError || error instanceof RangeError)
    return made("poison", "E_SCYLLA_VALUE", "the driver can not encode a value", error, true);
  return made(lost, "E_SCYLLA_FAILED", "the request failed", error);
}

function answered(error: InstanceType<typeof errors.ResponseError>, lost: ErrorClass): WriteError {
  switch (error.code) {
    case codes.overloaded:
    case RATE_LIMIT:
      return made("throttled", "E_SCYLLA_OVERLOADED", "the server is overloaded", error);
    case codes.isBootstrapping:
    case codes.unavailableException:
      return made("transient", "E_SCYLLA_UNAVAILABLE", "not enough replicas are up", error);
    case codes.readTimeout:
    case codes.readFailure:
    case codes.truncateError:
      return made("transient", "E_SCYLLA_READ", "not enough replicas answered a read", error);
    case codes.writeTimeout:
    case CAS_WRITE_UNKNOWN:
      return made("unknown-outcome", "E_SCYLLA_WRITE_TIMEOUT", "not enough replicas confirmed a write", error);
    case codes.writeFailure:
      return made("unknown-outcome", "E_SCYLLA_WRITE_FAILURE", "a replica failed a write", error);
    case codes.badCredentials:
      return made("fatal", "E_SCYLLA_AUTH", "the login was refused", error);
    case codes.unauthorized:
      return made("fatal", "E_SCYLLA_AUTH", "this login may not do that", error);
    case codes.syntaxError:
    case codes.configError:
    case codes.alreadyExists:
    case codes.unprepared:
      return made("fatal", "E_SCYLLA_SCHEMA", "the server refuses the statement", error);
    case codes.invalid:
      return invalid(error);
    case codes.functionFailure:
      return made("poison", "E_SCYLLA_REFUSED", "the server refuses a value", error, true);
    case codes.protocolError:
      return made("fatal", "E_SCYLLA_PROTOCOL", "the server does not understand the request", error);
    default:
      return made(lost, "E_SCYLLA_SERVER", "the server failed", error);
  }
}

function invalid(error: Error): WriteError {
  const text = error.message;
  if (SCHEMA.test(text)) return made("fatal", "E_SCYLLA_SCHEMA", "the table is not what was expected", error);
  const tooLarge = /batch too large|oversized mutation|request is too big/i.test(text);
  return made("poison", tooLarge ? TOO_LARGE : "E_SCYLLA_REFUSED", "the server refuses it", error, true);
}

/** No host took the request, so nothing of it was done; what the hosts said is kept, one reason of it shown. */
function noHost(error: InstanceType<typeof errors.NoHostAvailableError>): WriteError {
  const inner: unknown[] = Object.values((error.innerErrors as object | null) ?? {});
  for (const each of inner) {
    if (each instanceof errors.AuthenticationError) return classify(each, "read");
    if (each instanceof errors.ArgumentError)
      return made("fatal", "E_SCYLLA_DATACENTER", "check localDataCenter", each);
    if (each instanceof errors.ResponseError) {
      const found = classify(each, "read");
      if (found.class === "fatal") return found;
    }
  }
  if (inner.some((each) => each instanceof errors.BusyConnectionError))
    return made("throttled", "E_SCYLLA_BUSY", "too many requests are under way on every connection", error);
  const reason = inner.map(messageOf).find((text) => text !== "") ?? error.message;
  return new WriteError("transient", "E_SCYLLA_CONNECTION", `no host can be reached: ${reason}`, { cause: error });
}

/** The driver could not prepare a statement again, and forgets why: it says only that no host was left. */
export function isUnprepared(error: unknown): boolean {
  if (!(error instanceof errors.NoHostAvailableError)) return false;
  const inner: unknown[] = Object.values((error.innerErrors as object | null) ?? {});
  return inner.some((each) => each instanceof errors.ResponseError && each.code === codes.unprepared);
}

function isSocketError(error: unknown): boolean {
  return (error as { readonly isSocketError?: boolean } | null)?.isSocketError === true;
}

function made(errorClass: ErrorClass, code: string, what: string, cause: unknown, atomic = false): WriteError {
  return new WriteError(errorClass, code, `${what}: ${messageOf(cause)}`, { cause, atomic });
}
