import { messageOf, WriteError } from "@millrace/core";

/** Kafka's own names of errors that no retry cures. */
const FATAL: ReadonlySet<string> = new Set([
  "TOPIC_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "INVALID_TOPIC_EXCEPTION",
  "INVALID_CONFIG",
  "INVALID_REQUIRED_ACKS",
]);
const AUTH: ReadonlySet<string> = new Set(["KafkaJSSASLAuthenticationError", "PLT_KFK_AUTHENTICATION"]);
const AUTH_TYPES: ReadonlySet<string> = new Set([
  "SASL_AUTHENTICATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
  "ILLEGAL_SASL_STATE",
]);
/** Node's own names of why a certificate is not taken. */
const TLS: ReadonlySet<string> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
/** Only says that there are others inside. */
const WRAPPERS: ReadonlySet<unknown> = new Set(["PLT_KFK_MULTIPLE", "PLT_KFK_RESPONSE"]);
const CODEC: ReadonlySet<string> = new Set(["KafkaJSNotImplemented", "PLT_KFK_UNSUPPORTED_COMPRESSION"]);
const TOO_LARGE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** The group goes on under another generation, or without us until we have joined again: kafkajs calls these final. */
const REJOIN: ReadonlySet<string> = new Set(["ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS", "UNKNOWN_MEMBER_ID"]);

/**
 * Of which class a client's error is, for calls of your own with kafkajs or @platformatic/kafka, too.
 *
 * @example
 * ```ts
 * import { classifyRedpandaError } from "@millrace/redpanda";
 * classifyRedpandaError(new Error("connect ECONNREFUSED")).class; // "transient"
 * ```
 */
export function classify(error: unknown): WriteError {
  const own = ownError(error);
  if (own !== undefined) return own;
  const { type, name, retriable } = clientError(error);
  const text = textOf(error);
  const tls = innermost(error).code;
  if (typeof tls === "string" && TLS.has(tls))
    return new WriteError(
      "fatal",
      "E_REDPANDA_TLS",
      `the broker's certificate is not trusted (ssl.ca names who is): ${text}`,
      { cause: error },
    );
  if (type !== undefined && TOO_LARGE.has(type))
    return new WriteError("poison", "E_REDPANDA_TOO_LARGE", `the broker refused a batch as too large: ${text}`, {
      cause: error,
      atomic: true,
    });
  if ((name !== undefined && AUTH.has(name)) || (type !== undefined && AUTH_TYPES.has(type)))
    return new WriteError("fatal", "E_REDPANDA_AUTH", `Redpanda refused the credentials: ${text}`, { cause: error });
  // Options that the client itself refuses.
  if (name === "PLT_KFK_USER")
    return new WriteError("fatal", "E_REDPANDA_REFUSED", `Redpanda: ${text}`, { cause: error });
  if (type !== undefined && FATAL.has(type))
    return new WriteError("fatal", `E_REDPANDA_${type}`, `Redpanda: ${text}`, { cause: error });
  if (name !== undefined && CODEC.has(name))
    return new WriteError("fatal", "E_REDPANDA_CODEC", `Redpanda: ${text}`, { cause: error });
  if (type === "OFFSET_OUT_OF_RANGE")
    return new WriteError("fatal", "E_REDPANDA_OFFSET_OUT_OF_RANGE", `Redpanda: ${text}`, { cause: error });
  if (type !== undefined && REJOIN.has(type))
    return new WriteError("transient", `E_REDPANDA_${type}`, `Redpanda: ${text}`, { cause: error });
  if (type === "INVALID_RECORD" || type === "CORRUPT_MESSAGE" || retriable === false)
    return new WriteError("poison", `E_REDPANDA_${type ?? "REFUSED"}`, `Redpanda: ${text}`, {
      cause: error,
      atomic: true,
    });
  const hint = /closed/i.test(text)
    ? " (a broker also closes a connection without the login or TLS that it expects: sasl, ssl)"
    : "";
  return new WriteError(
    "transient",
    "E_REDPANDA_CONNECTION",
    `Redpanda can not be reached or is not ready: ${text}${hint}`,
    { cause: error },
  );
}

interface Wrapped {
  readonly code?: unknown;
  readonly message?: string;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** From the outermost to the innermost; of several, the last is why it gave up. */
function chainOf(error: unknown): readonly Wrapped[] {
  const chain: Wrapped[] = [];
  for (let one = error; one instanceof Error && chain.length < 8; ) {
    const wrapped: Wrapped = one as Wrapped;
    chain.push(wrapped);
    one = wrapped.errors?.[wrapped.errors.length - 1] ?? wrapped.cause;
  }
  return chain;
}

function innermost(error: unknown): Wrapped {
  const chain = chainOf(error);
  return chain[chain.length - 1] ?? {};
}

/** What all of them say, those aside that repeat another or say nothing. */
function textOf(error: unknown): string {
  let text = "";
  for (const { code, message = "" } of chainOf(error))
    if (!WRAPPERS.has(code) && !text.includes(message)) text += text === "" ? message : `: ${message}`;
  return text === "" ? messageOf(error) : text;
}

/** What a part of ours threw inside a client, which may have wrapped it. */
function ownError(error: unknown, depth = 0): WriteError | undefined {
  if (error instanceof WriteError) return error;
  if (!(error instanceof Error) || depth > 5) return undefined;
  const { errors = [] } = error as { readonly errors?: readonly unknown[] };
  for (const inner of [error.cause, ...errors]) {
    const found = ownError(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface ClientError {
  readonly type: string | undefined;
  readonly name: string | undefined;
  readonly retriable: boolean | undefined;
}

/** Both clients wrap an error once or twice on its way out: what the broker said is inside. */
function clientError(error: unknown, depth = 0): ClientError {
  const { type, apiId, name, code, retriable, canRetry, cause, errors } = (error ?? {}) as {
    readonly type?: string;
    readonly apiId?: string;
    readonly name?: string;
    readonly code?: unknown;
    readonly retriable?: boolean;
    readonly canRetry?: boolean;
    readonly cause?: unknown;
    readonly errors?: readonly unknown[];
  };
  const own: ClientError = {
    type: type ?? apiId,
    name: typeof code === "string" && code.startsWith("PLT_") ? code : name,
    retriable: retriable ?? canRetry,
  };
  if (own.type !== undefined || depth > 5 || (own.name !== undefined && (AUTH.has(own.name) || CODEC.has(own.name))))
    return own;
  const inner = [...(errors ?? []), ...(cause instanceof Error ? [cause] : [])].map((one) =>
    clientError(one, depth + 1),
  );
  // Of several, the last is why it gave up.
  return (
    [...inner]
      .reverse()
      .find(
        (one) => one.type !== undefined || (one.name !== undefined && (AUTH.has(one.name) || CODEC.has(one.name))),
      ) ??
    inner[inner.length - 1] ??
    own
  );
}
