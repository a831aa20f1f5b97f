import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { from, topology } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { SASL_PASSWORD, SASL_USER, TLS_CERTIFICATE } from "../../../../testbed/kafka-security.js";
import {
  ensureTopic,
  globalTable,
  type RedpandaConnection,
  redpandaCheckpoints,
  redpandaSink,
  redpandaSource,
} from "../src/index.js";
import { drivers, freshName } from "./brokers.js";
import { parseEnv, testbed } from "./testbed.js";

/** A server of our own, with listeners for logins and TLS. */
const folder = await mkdtemp(join(tmpdir(), "millrace-redpanda-"));
const own = testbed({
  TESTBED_RUN: folder,
  KAFKA_NODES: "1",
  KAFKA_SECURE: "1",
  KAFKA_PORT: process.env.KAFKA_KILL_PORT ?? "28092",
});
await own("up");
const listeners = parseEnv(await own("env"));
const [plain, sasl, tls, saslTls] = [
  "KAFKA_BROKERS",
  "KAFKA_SASL_BROKERS",
  "KAFKA_TLS_BROKERS",
  "KAFKA_SASL_TLS_BROKERS",
].map((name) => [listeners[name] ?? ""]) as [string[], string[], string[], string[]];
const ssl = { ca: [TLS_CERTIFICATE] };
const text = new TextDecoder();
const WRONG = "sesame-42";
/** Nothing waits for a timeout, of which the shortest is 10 s. */
const AT_ONCE_MS = 8_000;

afterAll(async () => {
  await own("wipe");
  await rm(folder, { recursive: true, force: true });
});

function login(mechanism: string, password = SASL_PASSWORD, username = SASL_USER): object {
  return { mechanism, username, password };
}

/** Everything that connects to brokers: topics, messages in transactions, a group, a table. */
async function roundTrip(connection: RedpandaConnection): Promise<void> {
  const topic = freshName("secure");
  await ensureTopic(connection, topic, { partitions: 2 });
  const sink = redpandaSink<string>({ ...connection, topic, encode: (value) => ({ key: value, value }) });
  await from(["a", "b"]).to(sink).run();
  const store = redpandaCheckpoints({ ...connection, topic: freshName("store"), partitions: 1 });
  await topology("secure", from(["c"]).to(sink)).run({ checkpoint: { every: "1s", store } });
  const decode = ({ value }: { readonly value: Uint8Array | undefined }): string => text.decode(value);
  const source = redpandaSource({ ...connection, topic, groupId: freshName("group"), stopAt: "latest", decode });
  expect((await from(source).collect()).sort()).toEqual(["a", "b", "c"]);
  const table = globalTable({ ...connection, topic, key: (key) => text.decode(key), decode });
  await table.connect?.(testContext());
  expect(table.size).toBe(3);
  expect(await table.health?.()).toMatchObject({ status: "up" });
  await table.close?.();
}

/** Refused by each part at once, with the same code, and the password nowhere. */
async function refused(connection: RedpandaConnection, code: string, message: RegExp): Promise<void> {
  const topic = "any";
  const attempts = [
    () => redpandaSink<string>({ ...connection, topic, encode: (value) => ({ value }) }).connect(testContext()),
    () => redpandaSource({ ...connection, topic, decode: () => 1 }).connect(testContext()),
    () => redpandaCheckpoints({ ...connection, topic }).connect(testContext()),
    async () => globalTable({ ...connection, topic, key: String, decode: () => 1 }).connect?.(testContext()),
  ];
  const began = performance.now();
  const errors = await Promise.all(
    attempts.map((connect) =>
      connect().then(
        () => new Error("it connects"),
        (reason: unknown) => reason,
      ),
    ),
  );
  expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
  for (const error of errors) {
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    const everything =
      inspect(error, { depth: 20, showHidden: true, getters: true }) + JSON.stringify(error) + (error as Error).stack;
    expect(everything).not.toContain(WRONG);
    expect(everything).not.toContain(Buffer.from(WRONG).toString("base64").slice(0, 8));
    expect(everything).not.toContain(inspect(Buffer.from(WRONG)).slice(8, 20));
  }
}

for (const [name, driver] of Object.entries(drivers))
  describe.concurrent(name, () => {
    it.each<[string, Omit<RedpandaConnection, "driver">]>([
      ["PLAIN", { brokers: sasl, sasl: login("plain") }],
      ["TLS", { brokers: tls, ssl }],
      ["TLS and PLAIN", { brokers: saslTls, ssl, sasl: login("plain") }],
      ["TLS and SCRAM-SHA-256", { brokers: saslTls, ssl, sasl: login("scram-sha-256") }],
      ["TLS and SCRAM-SHA-512", { brokers: saslTls, ssl, sasl: login("scram-sha-512") }],
    ])("%s: reads and writes", (_, connection) => roundTrip({ ...connection, driver }));

    it.each<[string, Omit<RedpandaConnection, "driver">, string, RegExp]>([
      [
        "a wrong password",
        { brokers: sasl, sasl: login("plain", WRONG) },
        "E_REDPANDA_AUTH",
        /refused the credentials/,
      ],
      [
        "a wrong password by SCRAM",
        { brokers: saslTls, ssl, sasl: login("scram-sha-512", WRONG) },
        "E_REDPANDA_AUTH",
        /refused the credentials: .*authentication failed/i,
      ],
      [
        "a user that is not there",
        { brokers: saslTls, ssl, sasl: login("scram-sha-256", WRONG, "nobody") },
        "E_REDPANDA_AUTH",
        /refused the credentials: .*authentication failed/i,
      ],
      [
        "a login where none is taken",
        { brokers: plain, sasl: login("plain", WRONG) },
        "E_REDPANDA_AUTH",
        /not valid given the current SASL state/,
      ],
      ["no login where one is needed", { brokers: sasl }, "E_REDPANDA_CONNECTION", /closed.*without the login or TLS/i],
      [
        "a certificate of somebody unknown",
        { brokers: tls, ssl: true },
        "E_REDPANDA_TLS",
        /not trusted \(ssl.ca .*self-signed certificate/,
      ],
      [
        "a certificate for another name",
        { brokers: tls, ssl: { ...ssl, servername: "example.org" } },
        "E_REDPANDA_TLS",
        /does not match certificate's altnames/,
      ],
      [
        "TLS where none is spoken",
        { brokers: plain, ssl },
        "E_REDPANDA_CONNECTION",
        /secure TLS connection|TLS handshake/,
      ],
      ["no TLS where it is spoken", { brokers: tls }, "E_REDPANDA_CONNECTION", /closed.*without the login or TLS/i],
    ])("%s is refused at once, and secrets are in no error", (_, connection, code, message) =>
      refused({ ...connection, driver }, code, message),
    );

    it("credentials copied from others, with another password, log in with their own", async () => {
      const right = login("plain");
      const connection = { brokers: sasl, driver };
      await ensureTopic({ ...connection, sasl: right }, freshName("secure"), { partitions: 1 });
      await refused(
        { ...connection, sasl: { ...right, password: WRONG } },
        "E_REDPANDA_AUTH",
        /refused the credentials/,
      );
    });
  });
