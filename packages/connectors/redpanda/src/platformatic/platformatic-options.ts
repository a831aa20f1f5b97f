import type { BaseOptions } from "@platformatic/kafka";
import type { BrokerConnection } from "../kafka-driver.js";

/** What every client of the driver is made with. */
export type ClientOptions = BaseOptions;

const DEFAULT_TIMEOUT_MS = 10_000;
/** Few: the engine has its own, and a client that retries for minutes hides what is wrong. */
const CLIENT_RETRIES = 3;
const RETRY_MS = 200;

/** The connection as @platformatic/kafka takes it. A mechanism of SASL is named as kafkajs does, in small letters, or as Kafka does. */
export function clientOptions(
  { brokers, clientId = "millrace", ssl, sasl, timeoutMs = DEFAULT_TIMEOUT_MS }: BrokerConnection,
  given: Partial<ClientOptions>,
): ClientOptions {
  const { mechanism, ...credentials } = (sasl ?? {}) as { readonly mechanism?: string };
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    autocreateTopics: false,
    connectTimeout: timeoutMs,
    requestTimeout: Math.max(timeoutMs, 30_000),
    retries: CLIENT_RETRIES,
    retryDelay: RETRY_MS,
    ...(ssl === undefined || ssl === false
      ? {}
      : { tls: (ssl === true ? {} : ssl) as NonNullable<ClientOptions["tls"]> }),
    ...(mechanism === undefined
      ? {}
      : { sasl: { ...credentials, mechanism: mechanism.toUpperCase() } as NonNullable<ClientOptions["sasl"]> }),
    ...given,
  };
}
