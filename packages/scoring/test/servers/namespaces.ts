import { randomBytes } from "node:crypto";
import { deleteBucket } from "@millrace/influx";
import { deleteTopic } from "@millrace/redpanda";
import cassandra from "cassandra-driver";
import { MongoClient } from "mongodb";
import { ARCHIVE, LATE_ACTIVITY, RULE_STATE } from "../../src/servers/scylla-tables.js";
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
  await onCassandra([`DROP KEYSPACE IF EXISTS "${names.keyspace}"`]);
}

/** Empties the stores of a namespace but for its topics, which no server can empty. Making them anew takes seconds. */
export async function emptyNamespace(namespace: string): Promise<void> {
  const names = serverNames(namespace);
  const mongo = new MongoClient(servers.mongo.url);
  await mongo.db(names.database).collection("citizens").deleteMany({});
  await mongo.close();
  for (const bucket of [names.rawEvents, names.derivedMetrics]) await emptyBucket(bucket);
  await onCassandra([RULE_STATE, ARCHIVE, LATE_ACTIVITY].map((table) => `TRUNCATE "${names.keyspace}"."${table}"`));
}

async function emptyBucket(bucket: string): Promise<void> {
  const { org } = servers.influx;
  const { INFLUX_URL: url = "", INFLUX_TOKEN: token = "" } = process.env;
  const answer = await fetch(`${url}/api/v2/delete?${new URLSearchParams({ org, bucket })}`, {
    method: "POST",
    headers: { authorization: `Token ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ start: "1970-01-01T00:00:00Z", stop: "2100-01-01T00:00:00Z" }),
  });
  if (!answer.ok) throw new Error(`bucket ${bucket} can not be emptied: ${answer.status} ${await answer.text()}`);
}

async function onCassandra(statements: readonly string[]): Promise<void> {
  const { contactPoints = [], localDataCenter } = servers.scylla;
  const client = new cassandra.Client({
    contactPoints: [...contactPoints],
    localDataCenter: localDataCenter ?? "datacenter1",
    socketOptions: { readTimeout: 30_000 },
  });
  try {
    for (const statement of statements) await client.execute(statement);
  } finally {
    await client.shutdown();
  }
}
