import { messageOf, WriteError } from "@millrace/core";

/** Kafka's own names of errors that no retry cures. */
const FATAL: ReadonlySet<string> = new Set([
  "TOPIC_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  "SASL_AUTHENTICATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "INVALID_TOPIC_EXCEPTION",
  "INVALID_CONFIG",
  "INVALID_REQUIRED_ACKS",
]);
const TOO_LARGE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** Of which class a client's error is. */
export function classify(error: unknown): WriteError {
  if (error instanceof WriteError) return error;
  const { type, name, retriable } = clientError(error);
  const text = messageOf(error);
  if (type !== undefined && TOO_LARGE.has(type)) return new WriteError("poison", "E_REDPANDA_TOO_LARGE", `the broker refused a batch as too large: ${text}`, { cause: error, atomic: true });
  if (type !== undefined && FATAL.has(type)) return new WriteError("fatal", `E_REDPANDA_${type}`, `Redpanda: ${text}`, { cause: error });
  if (name === "KafkaJSSASLAuthenticationError" || name === "KafkaJSUnsupportedMagicByteInMessageSet") return new WriteError("fatal", "E_REDPANDA_AUTH", `Redpanda refused the credentials: ${text}`, { cause: error });
  if (name === "KafkaJSNotImplemented") return new WriteError("fatal", "E_REDPANDA_CODEC", `${text}: register the codec, see the README`, { cause: error });
  if (type === "INVALID_RECORD" || type === "CORRUPT_MESSAGE" || retriable === false) return new WriteError("poison", `E_REDPANDA_${type ?? "REFUSED"}`, `Redpanda: ${text}`, { cause: error, atomic: true });
  return new WriteError("transient", "E_REDPANDA_CONNECTION", `Redpanda can not be reached or is not ready: ${text}`, { cause: error });
}

interface ClientError {
  readonly type?: string;
  readonly name?: string;
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

/** kafkajs wraps an error once or twice on its way out: what the broker said is inside. */
function clientError(error: unknown): ClientError {
  let said = (error ?? {}) as ClientError;
  for (let depth = 0; depth < 5 && said.type === undefined && said.cause instanceof Error; depth++) said = said.cause as ClientError;
  return said;
}
