import {
  type Checkpoint,
  type CheckpointConnection,
  type CheckpointDelta,
  type CheckpointStore,
  isLeaseOver,
  type LeaseTry,
  type RuntimeContext,
  requireArgument,
  StreamError,
  TaskLeases,
} from "@millrace/core";
import { type Collection, type Document, MongoServerError } from "mongodb";
import { PART_BYTES, type PartDocument } from "./checkpoints/segment-store.js";
import { headOf, type TaskDocument } from "./checkpoints/task-head.js";
import { type LeaseParts, TaskLease } from "./checkpoints/task-lease.js";
import {
  type MongoConnection,
  type OpenClient,
  openClient,
  requireConnection,
  requireReplicaSet,
} from "./mongo-connection.js";
import { classify, codeOf, DUPLICATE_KEY, NAMESPACE_EXISTS } from "./mongo-errors.js";
import { systemOf } from "./mongo-system.js";

/** Options of {@link mongoCheckpoints}. */
export type MongoCheckpointsOptions = MongoConnection & {
  /** Where tasks are kept ("millrace_checkpoints"); their state is in a second collection of this name and `.state`. Both are made if they are not there. */
  readonly collection?: string;
};

const DEFAULT_COLLECTION = "millrace_checkpoints";
const PAGE = 1_000;
const DURABLE = { w: "majority", journal: true } as const;

/**
 * Checkpoints in MongoDB: state changes, positions and the writes of `mongoSink`s on the same hosts become visible in one transaction, so that what is written follows exactly once
 * from what was read. A lease has a number, is renewed every 5 s and lapses after 15 s. Needs a replica set, one member is enough.
 *
 * @example
 * ```ts
 * import { from, topology } from "@millrace/core";
 * import { mongoCheckpoints, mongoSink, mongoSource } from "@millrace/mongo";
 * const mongo = { url: "mongodb://127.0.0.1:27017", database: "app" };
 * const source = mongoSource({ ...mongo, collection: "numbers", decode: ({ _id }) => Number(_id) });
 * const sink = mongoSink<number>({ ...mongo, collection: "doubled", write: (n) => ({ kind: "set", id: n, fields: { twice: n * 2 } }) });
 * await topology("double", from(source).to(sink)).run({ checkpoint: { every: "1s", store: mongoCheckpoints(mongo) } });
 * ```
 */
export function mongoCheckpoints(options: MongoCheckpointsOptions): CheckpointStore {
  return storeOf(options, PART_BYTES);
}

/** With smaller parts, for tests. */
export function storeOf(options: MongoCheckpointsOptions, partBytes: number): CheckpointStore {
  requireConnection(options, "mongoCheckpoints");
  const { collection = DEFAULT_COLLECTION, database } = options;
  requireArgument(
    typeof collection === "string" && collection !== "",
    "mongoCheckpoints: collection must be a collection's name",
  );
  const system = systemOf(options);
  return {
    name: `${system}/${database}.${collection}`,
    system,
    connect: (context) => CollectionCheckpoints.open(options, collection, system, partBytes, context),
  };
}

class CollectionCheckpoints implements CheckpointConnection {
  readonly #open: OpenClient;
  readonly #tasks: Collection<TaskDocument>;
  readonly #parts: Collection<PartDocument>;
  readonly #system: string;
  readonly #partBytes: number;
  readonly #context: RuntimeContext;
  readonly #leases: TaskLeases<TaskLease>;
  #closing: Promise<void> | undefined;

  static async open(
    options: MongoCheckpointsOptions,
    collection: string,
    system: string,
    partBytes: number,
    context: RuntimeContext,
  ): Promise<CollectionCheckpoints> {
    const open = await openClient(options);
    try {
      await requireReplicaSet(open.db, "mongoCheckpoints");
      for (const name of [collection, `${collection}.state`]) await makeCollection(open, name);
      return new CollectionCheckpoints(open, collection, system, partBytes, context);
    } catch (error) {
      await open.close().catch(() => {});
      throw classify(error);
    }
  }

  private constructor(
    open: OpenClient,
    collection: string,
    system: string,
    partBytes: number,
    context: RuntimeContext,
  ) {
    const settings = {
      writeConcern: DURABLE,
      readConcern: { level: "majority" as const },
      readPreference: "primary" as const,
    };
    this.#open = open;
    this.#tasks = open.db.collection<TaskDocument>(collection, settings);
    this.#parts = open.db.collection<PartDocument>(`${collection}.state`, settings);
    this.#system = system;
    this.#partBytes = partBytes;
    this.#context = context;
    this.#leases = new TaskLeases(`collection "${collection}"`, context);
  }

  lease(
    task: string,
    options?: { readonly wait?: boolean; readonly signal?: AbortSignal },
  ): Promise<{ readonly number: number; readonly latest: Checkpoint | undefined }> {
    return this.#leases.take(task, options, async () => {
      try {
        return await this.#tryToTake(task);
      } catch (error) {
        throw error instanceof StreamError ? error : classify(error);
      }
    });
  }

  release(task: string, number: number): Promise<void> {
    return this.#leases.release(task, number);
  }

  async commit(task: string, number: number, checkpoint: CheckpointDelta): Promise<void> {
    await this.#leases.held(task, number).commit(checkpoint);
  }

  async latestEpoch(task: string, number: number): Promise<number | undefined> {
    return this.#leases.held(task, number).latestEpoch();
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#leases.close();
      await this.#open.close();
    })();
    return this.#closing;
  }

  async #tryToTake(task: string): Promise<LeaseTry<TaskLease>> {
    const found = await this.#find(task);
    if (!isLeaseOver(found, this.#context.clock.now())) return { heldBy: found };
    const taken = await TaskLease.take(this.#leaseParts(task), found);
    if (taken === undefined) return undefined;
    const { lease, document } = taken;
    const head = headOf(document);
    return {
      lease,
      latest: head === undefined ? undefined : { ...head, entries: () => lease.entries(document.segments, PAGE) },
    };
  }

  /** The task's document, made if it is not there. */
  async #find(task: string): Promise<TaskDocument> {
    for (;;) {
      const found = await this.#tasks.findOne({ _id: task });
      if (found !== null) return found as TaskDocument;
      const fresh: TaskDocument = {
        _id: task,
        lease: 0,
        released: true,
        host: "",
        pid: 0,
        sinceMs: 0,
        renewedMs: 0,
        turn: 0,
        segments: [],
      };
      await this.#tasks.insertOne(fresh).catch((error) => {
        if (codeOf(error) !== DUPLICATE_KEY) throw error;
      });
    }
  }

  #leaseParts(task: string): LeaseParts {
    const { clock, random, logger } = this.#context;
    return {
      client: this.#open.client,
      tasks: this.#tasks,
      parts: this.#parts,
      task,
      system: this.#system,
      clock,
      random,
      logger,
      partBytes: this.#partBytes,
    };
  }
}

/** Made here and not by the first write, which could be inside a transaction. */
async function makeCollection({ db }: OpenClient, name: string): Promise<void> {
  try {
    await db.createCollection(name, { writeConcern: DURABLE } as Document);
  } catch (error) {
    if (!(error instanceof MongoServerError) || codeOf(error) !== NAMESPACE_EXISTS) throw error;
  }
}
