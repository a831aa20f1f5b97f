import { StreamError } from "@millrace/core";
import type { MongoConnection } from "./mongo-connection.js";
import type { MongoWrite } from "./mongo-write.js";

const DEFAULT_PORT = 27_017;

/** What can be written in one transaction: a deployment, by the hosts in its address. Of the address nothing else is kept: it can hold a password. */
export function systemOf(connection: MongoConnection): string {
  if ("client" in connection) {
    const { srvHost, hosts } = connection.client.options;
    return srvHost === undefined || srvHost === "" ? named(hosts.map(String)) : `mongodb+srv:${srvHost.toLowerCase()}`;
  }
  const [, srv, hosts = ""] = /^mongodb(\+srv)?:\/\/(?:[^/?]*@)?([^/?]*)/.exec(connection.url) ?? [];
  return srv === undefined ? named(hosts.split(",")) : `mongodb+srv:${hosts.toLowerCase()}`;
}

function named(hosts: readonly string[]): string {
  const whole = hosts.map((host) => {
    const name = decodeURIComponent(host).toLowerCase();
    return /:\d+$|\.sock$/.test(name) ? name : `${name}:${DEFAULT_PORT}`;
  });
  return `mongodb:${whole.sort().join(",")}`;
}

/** What a transactional sink hands to the checkpoint store, to be written in the checkpoint's transaction. */
export class MongoPayload {
  readonly system: string;
  readonly database: string;
  readonly collection: string;
  readonly writes: readonly MongoWrite[];

  constructor(system: string, database: string, collection: string, writes: readonly MongoWrite[]) {
    this.system = system;
    this.database = database;
    this.collection = collection;
    this.writes = writes;
  }
}

/** The payload of a sink, which must be of this store's deployment. */
export function payloadOf(system: string, sink: string, payload: unknown): MongoPayload {
  if (payload instanceof MongoPayload && payload.system === system) return payload;
  throw new StreamError(
    "E_CHECKPOINT_STORE",
    `sink "${sink}" gave ${system} something to commit that is not its own: only sinks of @millrace/mongo on the same hosts can write inside this store's commit`,
  );
}
