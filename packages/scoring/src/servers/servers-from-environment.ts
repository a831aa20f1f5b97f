import type { ServerConnections } from "./server-connections.js";

const NEEDED = ["KAFKA_BROKERS", "MONGO_URL", "CASSANDRA_CONTACT_POINTS", "INFLUX_URL", "INFLUX_TOKEN", "INFLUX_ORG"];

/**
 * The servers that the testbed's variables name: `KAFKA_BROKERS`, `MONGO_URL`, `CASSANDRA_CONTACT_POINTS` (and `CASSANDRA_DATACENTER`),
 * `INFLUX_URL`, `INFLUX_TOKEN`, `INFLUX_ORG`; `DGRAPH_URL`, or else `DGRAPH_STAND_IN_URL`, if there is one. Throws `E_SERVERS`, which
 * says what is missing and how to get it.
 *
 * @example
 * ```ts
 * import { serversFromEnvironment } from "@millrace/scoring/servers";
 * const { kafka, mongo } = serversFromEnvironment(process.env);
 * ```
 */
export function serversFromEnvironment(environment: Readonly<Record<string, string | undefined>>): ServerConnections {
  const missing = NEEDED.filter((name) => (environment[name] ?? "") === "");
  if (missing.length > 0)
    throw new Error(
      `E_SERVERS: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not set. Start the servers and take their addresses: npm run testbed -- up kafka mongo cassandra influx && eval "$(npm run --silent testbed -- env)"`,
    );
  const of = (name: string): string => environment[name] as string;
  const list = (name: string): string[] =>
    of(name)
      .split(",")
      .map((part) => part.trim());
  const datacenter = environment.CASSANDRA_DATACENTER;
  const dgraph = environment.DGRAPH_URL ?? "";
  const graph = dgraph === "" ? (environment.DGRAPH_STAND_IN_URL ?? "") : dgraph;
  return {
    kafka: { brokers: list("KAFKA_BROKERS") },
    mongo: { url: of("MONGO_URL") },
    influx: { url: of("INFLUX_URL"), token: of("INFLUX_TOKEN"), org: of("INFLUX_ORG") },
    scylla: {
      contactPoints: list("CASSANDRA_CONTACT_POINTS"),
      ...(datacenter === undefined ? {} : { localDataCenter: datacenter }),
      replication: { [datacenter ?? "datacenter1"]: 1 },
    },
    ...(graph === "" ? {} : { dgraph: { url: graph }, dgraphIsStandIn: dgraph === "" }),
  };
}
