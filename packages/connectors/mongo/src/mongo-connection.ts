import { type Health, messageOf, requireArgument, WriteError } from "@millrace/core";
import { type Db, MongoClient, type MongoClientOptions } from "mongodb";
import { classify } from "./mongo-errors.js";
import { settleWrites } from "./settled-writes.js";

/** How to reach MongoDB: a client passed in (then not closed by us), or what one is built from. */
export type MongoConnection =
  | { readonly client: MongoClient; readonly database: string }
  | {
      /** `mongodb://…` or `mongodb+srv://…`. Credentials in it are in no error and no log. */
      readonly url: string;
      readonly database: string;
      /** What the driver takes: `tls`, `tlsCAFile`, `auth`, `authMechanism`, `compressors`, … */
      readonly options?: MongoClientOptions;
      /** Milliseconds until a server must have been found, at the start and after each loss of the primary (10,000). */
      readonly timeoutMs?: number;
    };

/** A client that is ours to close, or not. */
export interface OpenClient {
  readonly client: MongoClient;
  readonly db: Db;
  close(): Promise<void>;
}

const SELECTION_TIMEOUT_MS = 10_000;
/** A server that hangs is no better than one that is gone. Longer than any await of ours. */
const SOCKET_TIMEOUT_MS = 60_000;
const PROBE_MS = 2_000;

/** Refuses at the call what could only fail later. Throws `E_ARGUMENT`. */
export function requireConnection(connection: MongoConnection, what: string): void {
  requireArgument(
    typeof connection.database === "string" && connection.database !== "",
    `${what}: database must be a database's name`,
  );
  if ("client" in connection)
    requireArgument(connection.client instanceof MongoClient, `${what}: client must be a MongoClient of "mongodb"`);
  else
    requireArgument(
      typeof connection.url === "string" && /^mongodb(\+srv)?:\/\//.test(connection.url),
      `${what}: url must begin with mongodb:// or mongodb+srv://`,
    );
}

/** Connects. Fails with `E_MONGO_CONNECTION`, `E_MONGO_AUTH`, or `E_MONGO_ARGUMENT` for an address or options that are none. */
export async function openClient(connection: MongoConnection): Promise<OpenClient> {
  settleWrites();
  if ("client" in connection)
    return { client: connection.client, db: connection.client.db(connection.database), close: async () => {} };
  const client = build(connection);
  try {
    await client.connect();
  } catch (error) {
    await client.close().catch(() => {});
    throw classify(error);
  }
  return { client, db: client.db(connection.database), close: () => client.close() };
}

function build({ url, options, timeoutMs = SELECTION_TIMEOUT_MS }: Extract<MongoConnection, { readonly url: string }>) {
  try {
    return new MongoClient(url, {
      // Retries are the engine's: one there and one here would multiply.
      retryWrites: false,
      serverSelectionTimeoutMS: timeoutMs,
      connectTimeoutMS: timeoutMs,
      socketTimeoutMS: SOCKET_TIMEOUT_MS,
      ...options,
    });
  } catch (error) {
    // No cause: what parses the address keeps it in its errors, password and all.
    throw new WriteError(
      "fatal",
      "E_MONGO_ARGUMENT",
      `MongoDB's driver refuses the address or the options: ${withoutCredentials(messageOf(error), url)}`,
    );
  }
}

/** The text without what stands before the @ of the address. */
function withoutCredentials(text: string, url: string): string {
  const credentials = /^[^:]+:\/\/(.*)@/.exec(url)?.[1];
  if (credentials === undefined || credentials === "") return text;
  return [credentials, ...credentials.split(":")]
    .filter((part) => part !== "")
    .reduce((clean, part) => clean.replaceAll(part, "***"), text);
}

/** Fails where the collection is not there: MongoDB would make it at the first write, without validator and indexes, and read nothing from it. */
export async function requireCollection(db: Db, collection: string): Promise<void> {
  let found: readonly unknown[];
  try {
    // In this form everybody who may use a collection is allowed to ask.
    found = await db.listCollections({ name: collection }, { nameOnly: true, authorizedCollections: true }).toArray();
  } catch (error) {
    throw classify(error);
  }
  if (found.length === 0)
    throw new WriteError(
      "fatal",
      "E_MONGO_COLLECTION",
      `there is no collection "${collection}" in database "${db.databaseName}": make it first, see ensureSchema()`,
    );
}

/** Fails on a server by itself: transactions and change streams need a replica set (one member is enough) or a sharded cluster. */
export async function requireReplicaSet(db: Db, what: string): Promise<void> {
  let hello: { readonly setName?: unknown; readonly msg?: unknown };
  try {
    hello = await db.admin().command({ hello: 1 });
  } catch (error) {
    throw classify(error);
  }
  if (hello.setName === undefined && hello.msg !== "isdbgrid")
    throw new WriteError(
      "fatal",
      "E_MONGO_REPLICA_SET",
      `${what} needs a replica set or a sharded cluster, and this MongoDB is a server by itself: start it with --replSet, one member is enough`,
    );
}

/** Of a collection's name what the name of a source may have. */
export function sourceName(collection: string): string {
  return collection.replaceAll(/[^A-Za-z0-9_.-]/g, "_").slice(0, 100);
}

/** A cheap probe of the primary, which answers within 2 s whatever the server does. */
export async function probe({ db }: OpenClient): Promise<Health> {
  const began = performance.now();
  const answer = (status: Health["status"], detail?: string): Health => ({
    status,
    latencyMs: performance.now() - began,
    ...(detail === undefined ? {} : { detail }),
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Health>((resolve) => {
    timer = setTimeout(() => resolve(answer("down", `no answer within ${PROBE_MS} ms`)), PROBE_MS);
  });
  const asked = db
    .admin()
    .command({ ping: 1, maxTimeMS: PROBE_MS })
    .then(
      () => answer("up"),
      (error: unknown) => answer("down", classify(error).message),
    );
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
