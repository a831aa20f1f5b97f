import type { ConnectionOptions, SecureContextOptions } from "node:tls";
import { InfluxDB } from "@influxdata/influxdb-client";
import { requireArgument } from "@millrace/core";

/** Certificates and checks of an `https:` connection, as `node:tls` takes them. */
export type InfluxTls = Pick<SecureContextOptions, "ca" | "cert" | "key" | "passphrase"> &
  Pick<ConnectionOptions, "servername" | "rejectUnauthorized">;

/**
 * How to reach InfluxDB: a client of yours (it holds nothing open, so nobody closes it), or what one is built from. `timeoutMs` (30,000) is how long
 * an answer may take; of a query, each next piece of it.
 *
 * @example
 * ```ts
 * import { InfluxDB } from "@influxdata/influxdb-client";
 * import type { InfluxConnection } from "@millrace/influx";
 * const built: InfluxConnection = { url: "https://influx.example.com", token: "…", org: "acme", tls: { ca: "…" } };
 * const passed: InfluxConnection = { client: new InfluxDB({ url: "http://127.0.0.1:8086", token: "…" }), org: "acme" };
 * ```
 */
export type InfluxConnection =
  | { readonly client: InfluxDB; readonly org: string; readonly timeoutMs?: number }
  | {
      readonly url: string;
      readonly token: string;
      readonly org: string;
      readonly tls?: InfluxTls;
      readonly timeoutMs?: number;
    };

/** What the client sends requests with: one promise a request (its WriteApi loses points, see the README). */
export interface Transport {
  request(
    path: string,
    body: string,
    options: SendOptions,
    responseStarted: (headers: object, status?: number) => void,
  ): Promise<unknown>;
  iterate(path: string, body: string, options: SendOptions): AsyncIterable<Uint8Array>;
}

export interface SendOptions {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly gzipThreshold?: number;
  readonly signal?: AbortSignal;
}

/** Throws `E_ARGUMENT` where no client can be made of it. */
export function transportOf(connection: InfluxConnection): Transport {
  return clientOf(connection).transport as unknown as Transport;
}

function clientOf(connection: InfluxConnection): InfluxDB {
  requireArgument(typeof connection.org === "string" && connection.org !== "", "influx: org must be given");
  if ("client" in connection) return connection.client;
  const { url, token, tls } = connection;
  requireArgument(URL.canParse(url) && /^https?:/.test(url), "influx: url must be such as http://127.0.0.1:8086");
  // The client would throw from a callback of zlib, where nobody can catch it.
  requireArgument(
    /^[\x21-\x7e]+$/.test(token),
    "influx: the token is empty, or has a blank, a line break or another character that no header can carry",
  );
  // Its own timeout leaves the request open: ours (influx-requests.ts) ends it.
  return new InfluxDB({ url, token, timeout: 0, ...(tls === undefined ? {} : { transportOptions: { ...tls } }) });
}
