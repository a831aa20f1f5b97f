/** What a workload needs, by the names of the testbed. */
export const SERVERS = ["kafka", "mongo", "influx", "cassandra", "dgraph"] as const;
export type ServerName = (typeof SERVERS)[number];

interface Needed {
  readonly variables: readonly string[];
  /** What to call it in tables. */
  readonly title: string;
}

/** Variables that `npm run testbed -- env` prints. */
const NEEDED: Readonly<Record<ServerName, Needed>> = {
  kafka: { variables: ["KAFKA_BROKERS"], title: "Kafka" },
  mongo: { variables: ["MONGO_URL"], title: "SecantusDB (speaks MongoDB's protocol)" },
  influx: { variables: ["INFLUX_URL", "INFLUX_TOKEN", "INFLUX_ORG"], title: "InfluxDB 2" },
  cassandra: { variables: ["CASSANDRA_CONTACT_POINTS"], title: "Cassandra" },
  dgraph: { variables: ["DGRAPH_STAND_IN_URL"], title: "a stand-in of ours for Dgraph, not Dgraph" },
};

export const START_THEM = 'npm run testbed -- up && eval "$(npm run --silent testbed -- env)"';

export function serverTitle(server: ServerName): string {
  return NEEDED[server].title;
}

/** Why a server can not be used; undefined: it can. */
export function missing(server: ServerName, environment: NodeJS.ProcessEnv): string | undefined {
  const absent = NEEDED[server].variables.filter((name) => (environment[name] ?? "") === "");
  return absent.length === 0 ? undefined : `${absent.join(", ")} ${absent.length === 1 ? "is" : "are"} not set`;
}
