import type {
  CheckpointConnection,
  CheckpointDelta,
  CheckpointStore,
  Logger,
  Sink,
  SinkCommit,
  WriteContext,
} from "../src/connector.js";
import type { RunOptions } from "../src/runtime/run-options.js";
import { memoryCheckpoints } from "../src/state/memory-checkpoints.js";
import { type VirtualClock, virtualClock } from "../src/testing/virtual-clock.js";

/** What happened to a recording sink, in order. */
export type SinkEvent<T> = { readonly values: readonly T[] } | { readonly flush: number };

export interface RecordingSink<T> extends Sink<T> {
  readonly events: SinkEvent<T>[];
  readonly contexts: WriteContext[];
  /** Everything written. */
  readonly values: T[];
  /** What had been written when it flushed for this epoch. */
  before(epoch: number): T[] | undefined;
}

/** A sink that notes the order of its writes and flushes. */
export function recordingSink<T>(name: string, more: Partial<Sink<T>> = {}): RecordingSink<T> {
  const events: SinkEvent<T>[] = [];
  const contexts: WriteContext[] = [];
  const values: T[] = [];
  return {
    name,
    writes: "append",
    ...more,
    events,
    contexts,
    values,
    before(epoch) {
      const place = events.findIndex((event) => "flush" in event && event.flush === epoch);
      return place < 0 ? undefined : events.slice(0, place).flatMap((event) => ("values" in event ? event.values : []));
    },
    connect: async () => ({
      open: async () => ({
        write: async (written, context) => {
          events.push({ values: [...written] });
          contexts.push(context);
          values.push(...written);
        },
        flush: async (epoch): Promise<SinkCommit | undefined> => void events.push({ flush: epoch }),
        close: async () => {},
      }),
      close: async () => {},
    }),
  };
}

export interface RecordingStore extends CheckpointStore {
  /** Every commit that was done, in order. */
  readonly commits: CheckpointDelta[];
  /** Called before each commit; what it throws or waits for happens to the commit. */
  before: (checkpoint: CheckpointDelta) => void | Promise<void>;
  /** Called after each commit was done, before the engine hears of it. */
  after: (checkpoint: CheckpointDelta) => void | Promise<void>;
  readonly counts: { connects: number; closes: number };
}

/** Memory checkpoints that remember every commit, also those with payloads of transactional sinks. */
export function recordingStore(options: { readonly system?: string } = {}): RecordingStore {
  const store = memoryCheckpoints();
  const recording: RecordingStore = {
    name: "recording",
    ...options,
    commits: [],
    before: () => {},
    after: () => {},
    counts: { connects: 0, closes: 0 },
    async connect(context) {
      recording.counts.connects++;
      const inner = await store.connect(context);
      return {
        lease: (task, how) => inner.lease(task, how),
        release: (task, lease) => inner.release(task, lease),
        async commit(task, lease, checkpoint) {
          await recording.before(checkpoint);
          await inner.commit(task, lease, { ...checkpoint, commits: [] });
          recording.commits.push(checkpoint);
          await recording.after(checkpoint);
        },
        latestEpoch: (task, lease) => inner.latestEpoch(task, lease),
        async close() {
          recording.counts.closes++;
          await inner.close();
        },
      } satisfies CheckpointConnection;
    },
  };
  return recording;
}

export interface QuietLogger extends Logger {
  readonly warnings: string[];
}

export function quietLogger(): QuietLogger {
  const warnings: string[] = [];
  return { debug: () => {}, info: () => {}, warn: (message) => void warnings.push(message), error: () => {}, warnings };
}

/** Options for a run by a virtual clock, with nothing on the console. */
export function virtualRun(options: RunOptions = {}): RunOptions & { readonly clock: VirtualClock } {
  return { logger: quietLogger(), ...options, clock: (options.clock as VirtualClock | undefined) ?? virtualClock(0) };
}

/** What a promise came to, without waiting for it: ask after the clock has settled. */
export function outcome<T>(promise: Promise<T>): { value?: T; error?: unknown; settled: boolean } {
  const seen: { value?: T; error?: unknown; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(seen, { value, settled: true }),
    (error) => Object.assign(seen, { error, settled: true }),
  );
  return seen;
}
