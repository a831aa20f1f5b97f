import { type Db, type Document, MongoClient } from "mongodb";

/** The server that the testbed has started. */
export const url: string = process.env.MONGO_URL ?? "";
let made = 0;

/** A name that no other test, process or earlier run has. */
export function freshName(what: string): string {
  made++;
  return `millrace_${what}_${process.pid}_${Date.now().toString(36)}_${made}`;
}

/** A database of its own by the bare driver. */
export interface TestDatabase {
  readonly url: string;
  readonly database: string;
  readonly client: MongoClient;
  readonly db: Db;
  /** Everything in a collection, by `_id`. */
  contents(collection: string): Promise<Document[]>;
  drop(): Promise<void>;
}

export async function testDatabase(at: string = url): Promise<TestDatabase> {
  const client = new MongoClient(at, { serverSelectionTimeoutMS: 10_000 });
  await client.connect();
  const database = freshName("test");
  const db = client.db(database);
  return {
    url: at,
    database,
    client,
    db,
    contents: (collection) => db.collection(collection).find().sort({ _id: 1 }).toArray(),
    drop: async () => {
      await db.dropDatabase();
      await client.close();
    },
  };
}
