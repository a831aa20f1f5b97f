import type {
  CheckpointConnection,
  CheckpointStore,
  Clock,
  Lookup,
  Sink,
  SinkConnection,
  SinkWriter,
  Source,
  SourceBatch,
  SourceConnection,
  SourceReader,
} from "../connector.js";
import type { Key } from "../element.js";
import type { FaultCall, FaultPoints } from "./fault-points.js";

type World = { readonly clock?: Clock; readonly signal?: AbortSignal };

/** Makes a call between its two points. */
async function struck<R>(faults: FaultPoints, call: FaultCall, world: World, make: () => Promise<R>): Promise<R> {
  await faults.pass(`${call}.before`, world);
  const result = await make();
  await faults.pass(`${call}.after`, world);
  return result;
}

/**
 * The source with faults at the points `source.…`. A read that hangs still ends with close(), as every read must.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { faultPoints, faultySource, testSource } from "@millrace/core/testing";
 * const faults = faultPoints().at("source.read.before", { fail: new Error("no network") });
 * const numbers = from(faultySource(testSource<number>(), faults));
 * ```
 */
export function faultySource<T>(source: Source<T>, faults: FaultPoints): Source<T> {
  return {
    ...flags(source),
    name: source.name,
    connect: (context) =>
      struck(faults, "source.connect", context, async () => {
        const connection = await source.connect(context);
        return faultySourceConnection(connection, faults, context);
      }),
  };
}

function flags({
  bounded,
  partitioned,
  replays,
}: Source<unknown>): Pick<Source<unknown>, "bounded" | "partitioned" | "replays"> {
  return {
    ...(bounded === undefined ? {} : { bounded }),
    ...(partitioned === undefined ? {} : { partitioned }),
    ...(replays === undefined ? {} : { replays }),
  };
}

function faultySourceConnection<T>(
  connection: SourceConnection<T>,
  faults: FaultPoints,
  world: World,
): SourceConnection<T> {
  const { committed, commit, partitionOf, health } = connection;
  return {
    subscribe: (listener) => connection.subscribe(listener),
    open: (partition, position) =>
      struck(faults, "source.open", world, async () =>
        faultyReader(await connection.open(partition, position), faults, world),
      ),
    ...(committed === undefined
      ? {}
      : {
          committed: (partition) =>
            struck(faults, "source.committed", world, () => committed.call(connection, partition)),
        }),
    ...(commit === undefined
      ? {}
      : {
          commit: (positions, generation) =>
            struck(faults, "source.commit", world, () => commit.call(connection, positions, generation)),
        }),
    comparePositions: (left, right) => connection.comparePositions(left, right),
    ...(partitionOf === undefined ? {} : { partitionOf: (key, count) => partitionOf.call(connection, key, count) }),
    ...(health === undefined ? {} : { health: () => health.call(connection) }),
    close: () => connection.close(),
  };
}

function faultyReader<T>(reader: SourceReader<T>, faults: FaultPoints, world: World): SourceReader<T> {
  const closed = new AbortController();
  const signal = world.signal === undefined ? closed.signal : AbortSignal.any([world.signal, closed.signal]);
  /** Read, but struck on its way out: the next read() has it, since a source loses nothing by failing. */
  let kept: SourceBatch<T> | undefined;
  const read = async (): Promise<SourceBatch<T> | undefined> => {
    kept ??= await reader.read();
    return kept;
  };
  return {
    read: async () => {
      try {
        const batch = await struck(faults, "source.read", { ...world, signal }, read);
        kept = undefined;
        return closed.signal.aborted ? undefined : batch;
      } catch (error) {
        if (closed.signal.aborted) return undefined;
        throw error;
      }
    },
    close: () => {
      closed.abort();
      return reader.close();
    },
  };
}

/**
 * The sink with faults at the points `sink.…`.
 *
 * @example
 * ```ts
 * import { discardSink, from, WriteError } from "@millrace/core";
 * import { faultPoints, faultySink } from "@millrace/core/testing";
 * const faults = faultPoints().at("sink.write.after", { fail: new WriteError("transient", "E_RESET", "connection reset") });
 * await from([1, 2]).to(faultySink(discardSink(), faults)).run(); // written twice
 * ```
 */
export function faultySink<T>(sink: Sink<T>, faults: FaultPoints): Sink<T> {
  const { name, writes, batch, concurrency, system, rollsBack } = sink;
  return {
    name,
    writes,
    ...(batch === undefined ? {} : { batch }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(system === undefined ? {} : { system }),
    ...(rollsBack === undefined ? {} : { rollsBack }),
    connect: (context) =>
      struck(faults, "sink.connect", context, async () =>
        faultySinkConnection(await sink.connect(context), faults, context),
      ),
  };
}

function faultySinkConnection<T>(connection: SinkConnection<T>, faults: FaultPoints, world: World): SinkConnection<T> {
  const { health } = connection;
  return {
    open: (task, state) =>
      struck(faults, "sink.open", world, async () => faultyWriter(await connection.open(task, state), faults, world)),
    ...(health === undefined ? {} : { health: () => health.call(connection) }),
    close: () => connection.close(),
  };
}

function faultyWriter<T>(writer: SinkWriter<T>, faults: FaultPoints, world: World): SinkWriter<T> {
  const { flush } = writer;
  return {
    write: (values, context) =>
      struck(faults, "sink.write", { ...world, signal: context.signal }, () => writer.write(values, context)),
    ...(flush === undefined
      ? {}
      : { flush: (epoch) => struck(faults, "sink.flush", world, () => flush.call(writer, epoch)) }),
    close: () => writer.close(),
  };
}

/**
 * The lookup with faults at the points `lookup.…`; `clock` is for delays.
 *
 * @example
 * ```ts
 * import { type Lookup } from "@millrace/core";
 * import { faultPoints, faultyLookup } from "@millrace/core/testing";
 * const names: Lookup<number, string> = { name: "names", fetch: async () => new Map() };
 * const slow = faultyLookup(names, faultPoints().at("lookup.fetch.before", { delay: "2s" }));
 * ```
 */
export function faultyLookup<Q extends Key, V>(lookup: Lookup<Q, V>, faults: FaultPoints, clock?: Clock): Lookup<Q, V> {
  const { connect, changes, health, close } = lookup;
  const world: World = clock === undefined ? {} : { clock };
  return {
    name: lookup.name,
    fetch: (keys, context) =>
      struck(faults, "lookup.fetch", { ...world, signal: context.signal }, () => lookup.fetch(keys, context)),
    ...(connect === undefined
      ? {}
      : { connect: (context) => struck(faults, "lookup.connect", context, () => connect.call(lookup, context)) }),
    ...(changes === undefined ? {} : { changes: (invalidate, signal) => changes.call(lookup, invalidate, signal) }),
    ...(health === undefined ? {} : { health: () => health.call(lookup) }),
    ...(close === undefined ? {} : { close: () => close.call(lookup) }),
  };
}

/**
 * The store with faults at the points `store.…`.
 *
 * @example
 * ```ts
 * import { memoryCheckpoints } from "@millrace/core";
 * import { faultPoints, faultyCheckpoints } from "@millrace/core/testing";
 * const faults = faultPoints().at("store.commit.after", { fail: new Error("no answer") });
 * const store = faultyCheckpoints(memoryCheckpoints(), faults);
 * ```
 */
export function faultyCheckpoints(store: CheckpointStore, faults: FaultPoints): CheckpointStore {
  return {
    name: store.name,
    ...(store.system === undefined ? {} : { system: store.system }),
    connect: (context) =>
      struck(faults, "store.connect", context, async () =>
        faultyCheckpointConnection(await store.connect(context), faults, context),
      ),
  };
}

function faultyCheckpointConnection(
  connection: CheckpointConnection,
  faults: FaultPoints,
  world: World,
): CheckpointConnection {
  return {
    lease: (task, options) => struck(faults, "store.lease", world, () => connection.lease(task, options)),
    release: (task, lease) => struck(faults, "store.release", world, () => connection.release(task, lease)),
    commit: (task, lease, checkpoint) =>
      struck(faults, "store.commit", world, () => connection.commit(task, lease, checkpoint)),
    latestEpoch: (task, lease) => struck(faults, "store.latestEpoch", world, () => connection.latestEpoch(task, lease)),
    close: () => connection.close(),
  };
}
