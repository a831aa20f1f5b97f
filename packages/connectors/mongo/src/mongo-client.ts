import { type Health, messageOf, WriteError } from "@millrace/core";
import {
  MongoBulkWriteError,
  MongoClient,
  type MongoClientOptions,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
} from "mongodb";

/** How to reach MongoDB: a client passed in (then not closed by us), or what one is built from. */
export type MongoConnection =
  | { readonly client: MongoClient; readonly database: string }
  | { readonly url: string; readonly database: string; readonly options?: MongoClientOptions };

/** A client that is ours to close, or not. */
export interface OpenClient {
  readonly client: MongoClient;
  close(): Promise<void>;
}

/** Servers are looked for so long; what is not there by then is said, not waited for. */
const SELECTION_TIMEOUT_MS = 10_000;

export async function openClient(connection: MongoConnection): Promise<OpenClient> {
  if ("client" in connection) return { client: connection.client, close: async () => {} };
  // Retries are the engine's: one there and one here would multiply.
  const client = new MongoClient(connection.url, {
    serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
    retryWrites: false,
    ...connection.options,
  });
  try {
    await client.connect();
  } catch (error) {
    await client.close().catch(() => {});
    throw classify(error);
  }
  return { client, close: () => client.close() };
}

const FATAL_CODES: ReadonlySet<number> = new Set([13, 18, 8000, 26, 73]);
const CONFLICT_CODES: ReadonlySet<number> = new Set([112, 251]);
/** Document validation, immutable and missing fields, bad operators: the same write would fail again. */
const POISON_CODES: ReadonlySet<number> = new Set([2, 9, 14, 52, 53, 54, 56, 57, 66, 121, 10334, 17280, 11000]);

/** Of which class a failure of the driver or the server is. */
export function classify(error: unknown): WriteError {
  if (error instanceof WriteError) return error;
  const text = messageOf(error);
  if (error instanceof MongoServerSelectionError)
    return new WriteError(
      /authentication/i.test(text) ? "fatal" : "transient",
      "E_MONGO_CONNECTION",
      `MongoDB can not be reached: ${text}`,
      { cause: error },
    );
  if (error instanceof MongoNetworkError)
    return new WriteError("unknown-outcome", "E_MONGO_CONNECTION", `the connection to MongoDB broke: ${text}`, {
      cause: error,
    });
  if (error instanceof MongoInvalidArgumentError)
    return new WriteError("poison", "E_MONGO_ARGUMENT", text, { cause: error, atomic: true });
  if (error instanceof MongoServerError)
    return new WriteError(
      classOf(error),
      error.code === 18 || error.code === 13 ? "E_MONGO_AUTH" : `E_MONGO_${error.code ?? "SERVER"}`,
      `MongoDB: ${text}`,
      { cause: error },
    );
  return new WriteError("poison", "E_MONGO_VALUE", text, { cause: error, atomic: true });
}

export function classOfCode(code: number | undefined): "fatal" | "conflict" | "poison" | "transient" {
  if (code === undefined) return "transient";
  if (FATAL_CODES.has(code)) return "fatal";
  if (CONFLICT_CODES.has(code)) return "conflict";
  return POISON_CODES.has(code) ? "poison" : "transient";
}

function classOf(error: MongoServerError): "fatal" | "conflict" | "poison" | "transient" {
  if (error instanceof MongoBulkWriteError) return "transient";
  return error.hasErrorLabel("TransientTransactionError")
    ? "conflict"
    : classOfCode(typeof error.code === "number" ? error.code : undefined);
}

/** A cheap probe of the primary. */
export async function probe(client: MongoClient): Promise<Health> {
  const began = performance.now();
  try {
    await client.db("admin").command({ ping: 1 }, { timeoutMS: 2_000 });
    return { status: "up", latencyMs: performance.now() - began };
  } catch (error) {
    return { status: "down", latencyMs: performance.now() - began, detail: classify(error).message };
  }
}
