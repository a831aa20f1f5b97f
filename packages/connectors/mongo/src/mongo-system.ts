import type { MongoConnection } from "./mongo-client.js";

/** What makes two parts one transactional system: the same deployment and database. Undefined for a client passed in without a known address. */
export function systemOf(connection: MongoConnection): string | undefined {
  if ("client" in connection) {
    const hosts = connection.client.options.hosts.map((host) => host.toString()).sort();
    return `mongodb:${hosts.join(",")}/${connection.database}`;
  }
  // Only hosts: the rest of the address can hold a password.
  const match = /^mongodb(?:\+srv)?:\/\/(?:[^@/]*@)?([^/?]+)/.exec(connection.url);
  return match === null
    ? undefined
    : `mongodb:${(match[1] as string).split(",").sort().join(",")}/${connection.database}`;
}
