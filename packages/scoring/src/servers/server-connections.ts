import type { DgraphConnection } from "@millrace/dgraph";
import type { InfluxConnection } from "@millrace/influx";
import type { RedpandaConnection } from "@millrace/redpanda";
import type { ScyllaConnection } from "@millrace/scylla";

/** How the systems are reached, and the names under which a run's data lies there. */
export interface ServerConnections {
  readonly kafka: RedpandaConnection;
  readonly mongo: { readonly url: string };
  readonly influx: InfluxConnection;
  readonly scylla: ScyllaConnection & {
    /** Copies of a new keyspace by datacenter (`{ datacenter1: 1 }`). */
    readonly replication?: Readonly<Record<string, number>>;
  };
  /** The social graph. Without it relationships go nowhere. */
  readonly dgraph?: DgraphConnection;
  /** What answers there is the repository's stand-in, not Dgraph. */
  readonly dgraphIsStandIn?: boolean;
}

/** Where the data of a namespace lies. Two namespaces share nothing. */
export interface ServerNames {
  /** The topics, and the consumer group that reads `events`. */
  readonly events: string;
  readonly deadLetters: string;
  readonly checkpoints: string;
  readonly group: string;
  readonly database: string;
  readonly keyspace: string;
  readonly rawEvents: string;
  readonly derivedMetrics: string;
}

const NAMESPACE = /^[a-z][a-z0-9_]{0,31}$/;

/** Throws where the namespace can not be a part of a name in all of the systems. */
export function serverNames(namespace: string): ServerNames {
  if (!NAMESPACE.test(namespace))
    throw new Error(
      `E_ARGUMENT: a namespace is a letter and up to 31 more letters, digits and "_", all small; it is ${JSON.stringify(namespace)}`,
    );
  return {
    events: `${namespace}.citizen_events`,
    deadLetters: `${namespace}.citizen_events.dlq`,
    checkpoints: `${namespace}.checkpoints`,
    group: `${namespace}.scoring`,
    database: namespace,
    keyspace: namespace,
    rawEvents: `${namespace}.raw_events`,
    derivedMetrics: `${namespace}.derived_metrics`,
  };
}
