import type {
  CheckpointConnection,
  CheckpointStore,
  Sink,
  SinkWriter,
  Source,
  SourceBatch,
  SourceReader,
  WriteContext,
} from "../connector.js";
import { WriteError } from "../connector.js";
import { StreamError } from "../errors.js";
import { waitFor } from "../runtime/write-group.js";
import type { FaultPlan } from "./fault-plan.js";
import type { Trace } from "./trace.js";
import type { VirtualClock } from "./virtual-clock.js";

/** What all simulated parts share. */
export interface SimulatedWorld {
  readonly clock: VirtualClock;
  readonly random: () => number;
  readonly plan: FaultPlan;
  readonly trace: Trace;
  /** The moment for a crash: ends the run, whose signal this is, if the plan says so. Does not return in a process that is dead. */
  crashPoint(signal: AbortSignal): void;
  readonly checkpointTimeoutMs: number;
}

/** Why a run ended that was crashed. */
export const CRASH: StreamError = new StreamError("E_ABORTED", "simulated crash");

const MAX_CUT = 32;
const MAX_PACE_MS = 40;
const DELAY_MS = 3_000;

/** A source whose reads are cut small and take time, so that barriers, watermarks and crashes fall anywhere between values. */
export function simulatedSource<T>(source: Source<T>, world: SimulatedWorld): Source<T> {
  return {
    name: source.name,
    ...(source.bounded === undefined ? {} : { bounded: source.bounded }),
    ...(source.partitioned === undefined ? {} : { partitioned: source.partitioned }),
    ...(source.replays === undefined ? {} : { replays: source.replays }),
    connect: async (context) => {
      const connection = await source.connect(context);
      return {
        ...bound(connection),
        open: async (partition, position) =>
          new CutReader(await connection.open(partition, position), world, context.signal),
      };
    },
  };
}

/** The methods of a connection as properties, so that some can be replaced. */
function bound<T extends object>(connection: T): T {
  return new Proxy(connection, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
    ownKeys: (target) => [...new Set([...Reflect.ownKeys(target), ...methodNames(target)])],
    getOwnPropertyDescriptor: (target, name) => ({
      configurable: true,
      enumerable: true,
      value: Reflect.get(target, name, target) as unknown,
    }),
  });
}

function methodNames(target: object): string[] {
  const names: string[] = [];
  for (
    let at = Object.getPrototypeOf(target) as object | null;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  )
    names.push(...Object.getOwnPropertyNames(at).filter((name) => name !== "constructor"));
  return names;
}

/** Hands batches on in small pieces, at random paces. A batch is cut where its offsets are numbers and its position is the one after the last. */
class CutReader<T> implements SourceReader<T> {
  readonly #reader: SourceReader<T>;
  readonly #world: SimulatedWorld;
  readonly #signal: AbortSignal;
  #closed = false;
  #rest: SourceBatch<T> | undefined;

  constructor(reader: SourceReader<T>, world: SimulatedWorld, signal: AbortSignal) {
    this.#reader = reader;
    this.#world = world;
    this.#signal = signal;
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    const { clock, random, plan } = this.#world;
    const paceMs = 1 + Math.floor(random() * MAX_PACE_MS) + (plan.strikes("delay") ? DELAY_MS : 0);
    await waitFor(clock, paceMs, this.#signal);
    if (this.#closed) return undefined;
    this.#world.crashPoint(this.#signal);
    const batch = this.#cut(this.#rest ?? (await this.#reader.read()));
    this.#world.trace.add("read", batch?.position);
    return batch;
  }

  #cut(batch: SourceBatch<T> | undefined): SourceBatch<T> | undefined {
    this.#rest = undefined;
    const size = 1 + Math.floor(this.#world.random() * MAX_CUT);
    const offsets = batch?.offsets;
    if (
      batch === undefined ||
      offsets === undefined ||
      // Where poison lies between values a position in the middle could be behind one that has not been given.
      (batch.poison?.length ?? 0) > 0 ||
      size >= batch.values.length ||
      Number(batch.position) !== Number(offsets[offsets.length - 1]) + 1
    )
      return batch;
    const { values, times, caughtUp, position } = batch;
    const piece = (from: number, to: number): SourceBatch<T> => ({
      values: values.slice(from, to),
      offsets: offsets.slice(from, to),
      ...(times === undefined ? {} : { times: Array.prototype.slice.call(times, from, to) as number[] }),
      position: to === values.length ? position : String(Number(offsets[to - 1]) + 1),
      ...(to === values.length && caughtUp !== undefined ? { caughtUp } : {}),
    });
    this.#rest = piece(size, values.length);
    return piece(0, size);
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#reader.close();
  }
}

/** A sink that is slow, writes twice, or holds a checkpoint up, as the plan says; what it wrote is kept for the result. */
export function simulatedSink<T>(
  sink: Sink<T>,
  world: SimulatedWorld,
  written: (value: T, id: string | undefined) => void,
): Sink<T> {
  return {
    name: sink.name,
    writes: sink.writes,
    ...(sink.batch === undefined ? {} : { batch: sink.batch }),
    ...(sink.concurrency === undefined ? {} : { concurrency: sink.concurrency }),
    ...(sink.system === undefined ? {} : { system: sink.system }),
    ...(sink.rollsBack === undefined ? {} : { rollsBack: sink.rollsBack }),
    connect: async (context) => {
      const connection = await sink.connect(context);
      return {
        ...bound(connection),
        open: async (task, state) =>
          simulatedWriter(sink, await connection.open(task, state), world, context.signal, written),
      };
    },
  };
}

function simulatedWriter<T>(
  sink: Sink<T>,
  writer: SinkWriter<T>,
  world: SimulatedWorld,
  signal: AbortSignal,
  written: (value: T, id: string | undefined) => void,
): SinkWriter<T> {
  const { clock, random, plan, trace } = world;
  return {
    write: async (values: readonly T[], context: WriteContext) => {
      await waitFor(clock, Math.floor(random() * 10) + (plan.strikes("delay") ? DELAY_MS : 0), signal);
      world.crashPoint(signal);
      const outcomes = await writer.write(values, context);
      values.forEach((value, i) => {
        if (outcomes === undefined || outcomes[i] === "written") written(value, context.ids[i]);
      });
      trace.add("write", sink.name, values, outcomes);
      world.crashPoint(signal);
      if (sink.writes !== "append" && plan.strikes("duplicate"))
        throw new WriteError("transient", "E_SIMULATED", "the connection broke after the write");
      return outcomes;
    },
    flush: async (epoch) => {
      signal.throwIfAborted();
      if (plan.strikes("abandonEpoch")) await waitFor(clock, world.checkpointTimeoutMs * 1.5, signal);
      world.crashPoint(signal);
      const commit = await writer.flush?.(epoch);
      trace.add("flush", sink.name, epoch);
      return commit;
    },
    // A process that dies closes nothing.
    close: async () => {
      if (signal.reason !== CRASH) await writer.close();
    },
  };
}

/** A store whose commit can fail before or after it was done. */
export function simulatedStore(store: CheckpointStore, world: SimulatedWorld): CheckpointStore {
  const { random, plan, trace } = world;
  return {
    name: store.name,
    ...(store.system === undefined ? {} : { system: store.system }),
    connect: async (context) => {
      const connection = await store.connect(context);
      const commit: CheckpointConnection["commit"] = async (task, lease, checkpoint) => {
        world.crashPoint(context.signal);
        const torn = plan.strikes("tornWrite");
        const before = torn && random() < 0.5;
        if (before) throw new Error("simulated: the store failed before the commit");
        await connection.commit(task, lease, checkpoint);
        trace.add("commit", checkpoint.epoch, checkpoint.changes.length);
        world.crashPoint(context.signal);
        if (torn) throw new Error("simulated: the store failed after the commit");
      };
      return { ...bound(connection), commit };
    },
  };
}
