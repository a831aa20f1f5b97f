import { AbortError, HttpError, RequestTimedOutError } from "@influxdata/influxdb-client";
import { messageOf, WriteError } from "@millrace/core";

const MAX_REASON = 500;

/**
 * Of which class a failure is: 429 and 503 are throttled, 401, 403 and 404 fatal, 400, 413 and 422 poison (InfluxDB has refused all points of the request, or
 * written the others: either way the halves may be written again), an answer that InfluxDB does not give is fatal, all else transient. For calls of your own
 * with the client, too.
 *
 * @example
 * ```ts
 * import { HttpError } from "@influxdata/influxdb-client";
 * import { classifyInfluxError } from "@millrace/influx";
 * classifyInfluxError(new HttpError(503, "busy", "", "2")).class; // "throttled"
 * ```
 */
export function classify(error: unknown): WriteError {
  if (error instanceof WriteError) return error;
  if (error instanceof RequestTimedOutError) return timedOut();
  if (error instanceof SyntaxError) return unexpectedAnswer("no JSON", { cause: error });
  if (!(error instanceof HttpError))
    return new WriteError(
      "transient",
      "E_INFLUX_CONNECTION",
      error instanceof AbortError
        ? "InfluxDB closed the connection in the middle of an answer"
        : `InfluxDB can not be reached: ${messageOf(error) || (error as { code?: string }).code}`,
      { cause: error },
    );
  return answered(error);
}

export function timedOut(): WriteError {
  return new WriteError("transient", "E_INFLUX_TIMEOUT", "InfluxDB did not answer in time");
}

function answered(error: HttpError): WriteError {
  const { statusCode: status } = error;
  const text = `InfluxDB answered ${status}: ${reasonOf(error)}`;
  const cause = { cause: error };
  switch (status) {
    case 429:
    case 503: {
      const retryAfterMs = retryAfter(error);
      return new WriteError("throttled", "E_INFLUX_THROTTLED", text, {
        ...cause,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
    case 400:
    case 422:
      return new WriteError("poison", "E_INFLUX_REFUSED", text, cause);
    case 413:
      return new WriteError("poison", "E_INFLUX_TOO_LARGE", text, { ...cause, atomic: true });
    case 401:
    case 403:
      return new WriteError("fatal", "E_INFLUX_AUTH", `${text}: check the token and what it may do`, cause);
    case 404:
      return new WriteError("fatal", "E_INFLUX_BUCKET", `${text}: check bucket and org`, cause);
    default:
      return status < 400
        ? unexpectedAnswer(status, cause)
        : new WriteError("transient", "E_INFLUX_SERVER", text, cause);
  }
}

/** Whoever gave this answer has not written anything. */
export function unexpectedAnswer(
  answer: number | string | undefined,
  details: { readonly cause?: unknown } = {},
): WriteError {
  return new WriteError(
    "fatal",
    "E_INFLUX_SERVER",
    `the answer is ${answer}, which InfluxDB does not give: check the url`,
    details,
  );
}

function reasonOf(error: HttpError): string {
  const { message } = (error.json ?? {}) as { message?: unknown };
  const text = [message, partialWrite(error.json), error.body, error.statusMessage].find(
    (each) => typeof each === "string",
  );
  return String(text ?? "").slice(0, MAX_REASON);
}

/** InfluxDB 3 tells the reason of each line that it refused, and the line, whose values are nobody's business here. */
function partialWrite(json: unknown): string | undefined {
  const { error, data } = (json ?? {}) as { error?: unknown; data?: unknown };
  if (typeof error !== "string") return undefined;
  const lines: readonly unknown[] = Array.isArray(data) ? data : [data];
  const reasons = lines.map((line) => (line as { error_message?: unknown } | null | undefined)?.error_message);
  return [error, ...new Set(reasons.filter((reason) => typeof reason === "string"))].join(": ");
}

/** Seconds, or a date, which counts from the answer's own. The client takes the seconds for milliseconds. */
function retryAfter(error: HttpError): number | undefined {
  const header = (name: string): string => String(error.headers?.[name] ?? "");
  const text = header("retry-after");
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000;
  const ms = Date.parse(text) - Date.parse(header("date"));
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
