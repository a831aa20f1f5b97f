import { join } from "node:path";
import { writeAt } from "./shell.js";

/** With KAFKA_SECURE=1 a broker also takes logins and TLS, on its third to fifth port. */
export const SECURE: boolean = process.env.KAFKA_SECURE === "1";
export const SASL_USER = "millrace";
export const SASL_PASSWORD = "millrace-testbed";
const SCRAM_MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
/** Listener and its place behind the broker's port. */
const PORTS = { SASL: 2, TLS: 3, SASLTLS: 4 } as const;
const PROTOCOLS = { SASL: "SASL_PLAINTEXT", TLS: "SSL", SASLTLS: "SASL_SSL" } as const;
const NAMES = ["SASL", "TLS", "SASLTLS"] as const;

/** What a node's properties say of the listeners; nothing where they are off. */
export interface Security {
  /** `,NAME://127.0.0.1:PORT` for each. */
  readonly listeners: string;
  /** `,NAME:PROTOCOL` for each. */
  readonly protocols: string;
  /** Further lines. */
  readonly lines: string;
}

/** The listeners of a node with this port. */
export function security(dir: string, port: number): Security {
  if (!SECURE) return { listeners: "", protocols: "", lines: "" };
  const logins = NAMES.filter((name) => name !== "TLS").flatMap((name) => {
    const listener = `listener.name.${name.toLowerCase()}`;
    const module = "org.apache.kafka.common.security";
    return [
      `${listener}.sasl.enabled.mechanisms=PLAIN,${SCRAM_MECHANISMS.join(",")}`,
      `${listener}.plain.sasl.jaas.config=${module}.plain.PlainLoginModule required user_${SASL_USER}="${SASL_PASSWORD}";`,
      ...SCRAM_MECHANISMS.map(
        (mechanism) =>
          `${listener}.${mechanism.toLowerCase()}.sasl.jaas.config=${module}.scram.ScramLoginModule required;`,
      ),
    ];
  });
  return {
    listeners: NAMES.map((name) => `,${name}://127.0.0.1:${port + PORTS[name]}`).join(""),
    protocols: NAMES.map((name) => `,${name}:${PROTOCOLS[name]}`).join(""),
    lines: [...logins, "ssl.keystore.type=PEM", `ssl.keystore.location=${keyStore(dir)}`, ""].join("\n"),
  };
}

export async function writeKeyStore(dir: string): Promise<void> {
  if (SECURE) await writeAt(keyStore(dir), `${KEY}\n${TLS_CERTIFICATE}\n`);
}

/** Arguments of Kafka's `format`: users of SCRAM are part of the cluster's own data. */
export function scramUsers(): readonly string[] {
  if (!SECURE) return [];
  return SCRAM_MECHANISMS.flatMap((mechanism) => [
    "--add-scram",
    `${mechanism}=[name="${SASL_USER}",password="${SASL_PASSWORD}"]`,
  ]);
}

/** What tests need to know, by the brokers of each listener. */
export function securityEnv(brokers: (offset: number) => string): Readonly<Record<string, string>> {
  if (!SECURE) return {};
  return {
    KAFKA_SASL_BROKERS: brokers(PORTS.SASL),
    KAFKA_TLS_BROKERS: brokers(PORTS.TLS),
    KAFKA_SASL_TLS_BROKERS: brokers(PORTS.SASLTLS),
    KAFKA_SASL_PASSWORD: SASL_PASSWORD,
  };
}

function keyStore(dir: string): string {
  return join(dir, "server.pem");
}

/** For 127.0.0.1 and localhost, made by openssl, good until 2126: it protects nothing. */
export const TLS_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBqTCCAU+gAwIBAgIUfI6Tg0kdtyv6g7yFjhdZcR5nMyYwCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQbWlsbHJhY2UtdGVzdGJlZDAgFw0yNjExMjUyMzE0MjFaGA8y
MTI2MTEwMTIzMTQyMVowGzEZMBcGA1UEAwwQbWlsbHJhY2UtdGVzdGJlZDBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABEN3yiOq6zz1WUR9+x3F3rqIYqkMAKCNkn3d
mGvhEwdqiI+EhXwmIGxMaR7oDA1KyFO3mk+qeXPeoXMfWNOtiBOjbzBtMB0GA1Ud
DgQWBBSvlvmGd8hL3Eflj0qquTbBbJxPBzAfBgNVHSMEGDAWgBSvlvmGd8hL3Efl
j0qquTbBbJxPBzAPBgNVHRMBAf8EBTADAQH/MBoGA1UdEQQTMBGCCWxvY2FsaG9z
dIcEfwAAATAKBggqhkjOPQQDAgNIADBFAiEA+/s03ScVF8MqHh69iqRRxM0ka7eT
9Exdk9YV3tzsi2ACIDSAE4TzAdKCFfXzmPGYD3oFsmE9tpQNvWkmP5ta/UMX
-----END CERTIFICATE-----`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMa6GHRqNs1gmg4QC
Bacf4bGXTJq/L3veIbxtHVA1hBKhRANCAARDd8ojqus89VlEffsdxd66iGKpDACg
jZJ93Zhr4RMHaoiPhIV8JiBsTGke6AwNSshTt5pPqnlz3qFzH1jTrYgT
-----END PRIVATE KEY-----`;
