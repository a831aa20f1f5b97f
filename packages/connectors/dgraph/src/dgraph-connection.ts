import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { type Duration, requireArgument, StreamError } from "@millrace/core";

/** A `DgraphClientStub` of dgraph-js. */
export interface DgraphStub {
  query(request: never, metadata?: never, options?: never): Promise<unknown>;
  alter(operation: never, metadata?: never, options?: never): Promise<unknown>;
  commitOrAbort(context: never, metadata?: never, options?: never): Promise<unknown>;
  checkVersion(check: never, metadata?: never, options?: never): Promise<unknown>;
  retryLogin(metadata?: never, options?: never): Promise<unknown>;
  close(): void;
}

/** Certificates, as PEM. Without any, the system's authorities are asked. */
export interface DgraphTls {
  readonly ca?: Uint8Array | string;
  readonly cert?: Uint8Array | string;
  readonly key?: Uint8Array | string;
  /** The name that the server's certificate must have, where it is not the address. */
  readonly serverName?: string;
}

/** How long calls may take, whoever made the stub. */
export interface DgraphTimeouts {
  /** For one call (10s). gRPC itself would wait for ever. */
  readonly timeout?: Duration;
}

/** How to reach Dgraph: stubs passed in (then not closed by us, and logged in by you), or what they are built from. */
export type DgraphConnection = DgraphTimeouts &
  (
    | { readonly stub: DgraphStub | readonly DgraphStub[] }
    | {
        /** `host:port` of one or several alphas, or `dgraph://host:port`. */
        readonly url: string | readonly string[];
        /** ACL login; renewed by itself when its token ends. */
        readonly user?: string;
        readonly password?: string;
        /** Of the login (0). */
        readonly namespace?: number;
        /** Dgraph Cloud's key, sent with every call. Switches TLS on. */
        readonly apiKey?: string;
        /** Sent as `Bearer` with every call. Switches TLS on. */
        readonly bearerToken?: string;
        /** What `--security token=…` of the server asks for before it alters the schema. */
        readonly authToken?: string;
        /** Off, but on with `apiKey` and `bearerToken`. */
        readonly tls?: boolean | DgraphTls;
        /** The largest answer that is taken (64 MB). */
        readonly maxAnswerBytes?: number;
        /** gRPC channel options, over ours. */
        readonly channelOptions?: Readonly<Record<string, string | number>>;
      }
  );

export type BuiltConnection = Extract<DgraphConnection, { readonly url: unknown }>;

const DEFAULT_ANSWER_BYTES = 64 * 1024 * 1024;

/** Addresses of a connection, checked. What is refused is not shown: it could hold a password. */
export function addressesOf({ url }: BuiltConnection): readonly string[] {
  const urls = typeof url === "string" ? [url] : url;
  requireArgument(urls.length > 0, "dgraph: url names no address");
  return urls.map((text) => {
    const match = /^(?:dgraph:\/\/)?((?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5})\/?$/.exec(text);
    if (match === null)
      throw new StreamError(
        "E_ARGUMENT",
        "dgraph: url must be host:port or dgraph://host:port, nothing more: credentials and TLS have options of their own",
      );
    return match[1] as string;
  });
}

/** Who the channel trusts, and who it says it is. */
export function channelCredentials(connection: BuiltConnection): ChannelCredentials {
  const { tls = connection.apiKey !== undefined || connection.bearerToken !== undefined } = connection;
  if (tls === false) return credentials.createInsecure();
  if (tls === true) return credentials.createSsl();
  const { ca, cert, key } = tls;
  requireArgument(
    (cert === undefined) === (key === undefined),
    "dgraph: tls.cert and tls.key go together: a client certificate needs both",
  );
  return credentials.createSsl(pem(ca), pem(key), pem(cert));
}

function pem(text: Uint8Array | string | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
}

/**
 * grpc-js takes 4 MB at most, waits up to two minutes before it tries a server again that was away, and repeats by itself. Pings more often than every
 * five minutes make Go servers hang up.
 */
export function channelOptions(connection: BuiltConnection): Record<string, string | number> {
  const { tls, maxAnswerBytes = DEFAULT_ANSWER_BYTES } = connection;
  const name = typeof tls === "object" ? tls.serverName : undefined;
  return {
    "grpc.max_receive_message_length": maxAnswerBytes,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": 300_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2_000,
    "grpc.enable_retries": 0,
    // So that closing ours closes it.
    "grpc.use_local_subchannel_pool": 1,
    ...(name === undefined ? {} : { "grpc.ssl_target_name_override": name, "grpc.default_authority": name }),
    ...connection.channelOptions,
  };
}
