import { randomBytes } from "node:crypto";
import { deleteBucket } from "@millrace/influx";
import { deleteTopic } from "@millrace/redpanda";
import cassandra from "cassandra-driver";
import { MongoClient } from "mongodb";
import { type ServerConnections, serverNames } from "../../src/servers/server-connections.js";
import { serversFromEnvironment } from "../../src/servers/servers-from-environment.js";

const { dgraph: _, dgraphIsStandIn: __, ...stores } = serversFromEnvironment(process.env);
/** Without a graph, which is no part of the contract: a test that wants one says which. */
export const servers: ServerConnections = stores;

/** A name of its own for each test, so that none sees another's data. */
export function freshNamespace(what: string): string {
  return `t_${what}_${randomBytes(5).toString("hex")}`;
}

/** Takes everything of a namespace off the servers. What is not there is no error. */
export async function dropNamespace(namespace: string): Promise<void> {
  const names = serverNames(namespace);
  for (const topic of [names.events, names.deadLetters, names.checkpoints])
    await deleteTopic(servers.kafka, topic).catch(() => {});
  const mongo = new MongoClient(servers.mongo.url);
  await mongo.db(names.database).dropDatabase();
  await mongo.close();
  for (const bucket of [names.rawEvents, names.derivedMetrics]) await deleteBucket(servers.influx, bucket);
  await dropKeyspace(names.keyspace);
}

async function dropKeyspace(keyspace: string): Promise<void> {
  const { contactPoints = [], localDataCenter } = servers.scylla;
  const client = new cassandra.Client({
    contactPoints: [...contactPoints],
    localDataCenter: localDataCenter ?? "datacenter1",
    socketOptions: { readTimeout: 30_000 },
  });
  try {
    await client.execute(`DROP KEYSPACE IF EXISTS "${keyspace}"`);
  } finally {
    await client.shutdown();
  }
}
