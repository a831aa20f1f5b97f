import type { ConnectionOptions } from "node:tls";
import { type Duration, durationMs, requireArgument } from "@millrace/core";
import cassandra, { type Client, type ClientOptions } from "cassandra-driver";
import { LocalDatacenterPolicy } from "./local-datacenter.js";
import { endRemovedHosts } from "./removed-hosts.js";
import { steadyControl } from "./steady-control.js";

/** How ScyllaDB or Cassandra is reached: a client passed in, or what one is built from. */
export interface ScyllaConnection {
  /** Used as it is, and not closed by us. Its retry policy and its speculative executions are not used. */
  readonly client?: Client;
  /** Hosts to begin with, such as `["10.0.0.1:9042"]`. The others are found by them. */
  readonly contactPoints?: readonly string[];
  /** The datacenter whose hosts are asked. Needed where there are several; the only one is taken without it. */
  readonly localDataCenter?: string;
  readonly username?: string;
  readonly password?: string;
  /** TLS as Node.js takes it; `true`: with its defaults. */
  readonly ssl?: boolean | ConnectionOptions;
  /** How long a request may take (10s). After it, what became of a write is unknown. */
  readonly timeout?: Duration;
  /** Connections to each host (1); for ScyllaDB about as many as it has shards. */
  readonly connectionsPerHost?: number;
  /** Further options of the driver; what is named above goes before. */
  readonly options?: ClientOptions;
}

const TIMEOUT: Duration = "10s";
const CONNECT_TIMEOUT_MS = 5_000;
/** The driver's own policy waits up to ten minutes for a host that was down. */
const RECONNECT_MS = 500;

/** Milliseconds of a request. Throws `E_ARGUMENT` where the connection can not be right. */
export function checkConnection(connection: ScyllaConnection, what: string): number {
  const { client, contactPoints, username, password, connectionsPerHost } = connection;
  requireArgument(
    (client === undefined) !== (contactPoints === undefined),
    `${what}: give either client or contactPoints`,
  );
  requireArgument(
    contactPoints === undefined || (Array.isArray(contactPoints) && contactPoints.length > 0),
    `${what}: contactPoints must name at least one host, such as ["127.0.0.1:9042"]`,
  );
  requireArgument(
    (username === undefined) === (password === undefined),
    `${what}: username and password belong together`,
  );
  requireArgument(
    connectionsPerHost === undefined || (Number.isInteger(connectionsPerHost) && connectionsPerHost >= 1),
    `${what}: connectionsPerHost must be a whole number from 1; it is ${connectionsPerHost}`,
  );
  return durationMs(connection.timeout ?? TIMEOUT, `${what}: timeout`);
}

/** A client of ours. It is not connected yet. */
export function buildClient(connection: ScyllaConnection, timeoutMs: number): Client {
  const { policies, types } = cassandra;
  const { contactPoints = [], localDataCenter, username, password, ssl, connectionsPerHost = 1, options } = connection;
  const given: ClientOptions & { monitorReporting: { enabled: boolean } } = {
    pooling: { coreConnectionsPerHost: { [types.distance.local]: connectionsPerHost } },
    // Says to a server of DataStax which program this is; others have no use for it.
    monitorReporting: { enabled: false },
    ...options,
    contactPoints: [...contactPoints],
    socketOptions: { connectTimeout: CONNECT_TIMEOUT_MS, ...options?.socketOptions, readTimeout: timeoutMs },
    policies: {
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(RECONNECT_MS),
      loadBalancing: new policies.loadBalancing.TokenAwarePolicy(new LocalDatacenterPolicy(localDataCenter)),
      ...options?.policies,
    },
  };
  // For a policy of the user's own.
  if (localDataCenter !== undefined && options?.policies?.loadBalancing !== undefined)
    given.localDataCenter = localDataCenter;
  if (username !== undefined && password !== undefined) given.credentials = { username, password };
  // The driver itself takes any certificate.
  if (ssl !== undefined && ssl !== false) given.sslOptions = { rejectUnauthorized: true, ...(ssl === true ? {} : ssl) };
  return endRemovedHosts(steadyControl(new cassandra.Client(given)));
}
