import { HttpError, InfluxDB, RequestTimedOutError } from "@influxdata/influxdb-client";
import { type Health, messageOf, WriteError } from "@millrace/core";

/** How to reach InfluxDB 2: a client passed in (not closed by us, it holds nothing), or what one is built from. */
export type InfluxConnection =
  | { readonly client: InfluxDB; readonly org: string }
  | { readonly url: string; readonly token: string; readonly org: string; readonly timeout?: number };

/** The client's transport, which gives one promise a request (its WriteApi loses points: see the README). */
export interface Transport {
  request(
    path: string,
    body: unknown,
    options: {
      readonly method: string;
      readonly headers?: Record<string, string>;
      readonly gzipThreshold?: number;
      readonly signal?: AbortSignal;
    },
  ): Promise<unknown>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

export function clientOf(connection: InfluxConnection): InfluxDB {
  if ("client" in connection) return connection.client;
  const { url, token, timeout = DEFAULT_TIMEOUT_MS } = connection;
  return new InfluxDB({ url, token, timeout });
}

export function transportOf(client: InfluxDB): Transport {
  return client.transport as unknown as Transport;
}

/**
 * Of which class a failure is: 429 and 503 are throttled (Retry-After is in seconds; the client reads it as milliseconds), 401, 403 and 404 fatal, 400,
 * 413 and 422 poison (of a batch, the good points have been written, so halves may be written again), all else transient.
 */
export function classify(error: unknown): WriteError {
  if (error instanceof WriteError) return error;
  if (error instanceof RequestTimedOutError)
    return new WriteError("transient", "E_INFLUX_TIMEOUT", "InfluxDB did not answer in time", { cause: error });
  if (!(error instanceof HttpError))
    return new WriteError("transient", "E_INFLUX_CONNECTION", `InfluxDB can not be reached: ${messageOf(error)}`, {
      cause: error,
    });
  const { statusCode: status } = error;
  const text = `InfluxDB answered ${status}: ${reasonOf(error)}`;
  switch (status) {
    case 429:
    case 503: {
      const retryAfterMs = retryAfter(error);
      return new WriteError("throttled", "E_INFLUX_THROTTLED", text, {
        cause: error,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
    case 400:
    case 422:
      return new WriteError("poison", "E_INFLUX_REFUSED", text, { cause: error });
    case 413:
      return new WriteError("poison", "E_INFLUX_TOO_LARGE", text, { cause: error, atomic: true });
    case 401:
    case 403:
      return new WriteError("fatal", "E_INFLUX_AUTH", `${text}: check the token and what it may do`, { cause: error });
    case 404:
      return new WriteError("fatal", "E_INFLUX_BUCKET", `${text}: check bucket and org`, { cause: error });
    default:
      return new WriteError("transient", "E_INFLUX_SERVER", text, { cause: error });
  }
}

function reasonOf(error: HttpError): string {
  const message = (error.json as { message?: unknown } | undefined)?.message;
  return (typeof message === "string" ? message : (error.body ?? error.statusMessage ?? "")).slice(0, 500);
}

function retryAfter(error: HttpError): number | undefined {
  const header = error.headers?.["retry-after"];
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** A cheap probe: /health needs no token. */
export async function probe(client: InfluxDB): Promise<Health> {
  const began = performance.now();
  try {
    await transportOf(client).request("/health", "", { method: "GET" });
    return { status: "up", latencyMs: performance.now() - began };
  } catch (error) {
    return { status: "down", latencyMs: performance.now() - began, detail: classify(error).message };
  }
}
