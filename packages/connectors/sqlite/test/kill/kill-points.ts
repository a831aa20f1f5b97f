import type { CheckpointStore, Codec, Sink, Source } from "@millrace/core";

/** The moments of a checkpoint at which a process can die. */
export const KILL_POINTS = [
  "after-snapshot",
  "in-flush",
  "before-store-commit",
  "after-store-commit",
  "before-source-commit",
] as const;
export type KillPoint = (typeof KILL_POINTS)[number];

/** Wraps the parts of a pipeline so that the process kills itself the n-th time it comes to a point. */
export class KillPoints {
  readonly #point: KillPoint | undefined;
  #left: number;

  constructor(point: KillPoint | undefined, times: number) {
    this.#point = point;
    this.#left = times;
  }

  afterSnapshot<S>(codec: Codec<S>): Codec<S> {
    return {
      ...codec,
      encode: (state) => {
        const bytes = codec.encode(state);
        // The snapshot of this stage is under way in this very turn: it is whole when the turn ends.
        queueMicrotask(() => this.#at("after-snapshot"));
        return bytes;
      },
    };
  }

  inFlush<T>(sink: Sink<T>): Sink<T> {
    return {
      ...sink,
      connect: async (context) => {
        const connection = await sink.connect(context);
        return {
          open: async (task, state) => {
            const writer = await connection.open(task, state);
            return {
              write: (values, writeContext) => writer.write(values, writeContext),
              flush: async (epoch) => {
                const flushed = writer.flush?.(epoch);
                this.#at("in-flush");
                return flushed;
              },
              close: () => writer.close(),
            };
          },
          close: () => connection.close(),
        };
      },
    };
  }

  aroundStoreCommit(store: CheckpointStore): CheckpointStore {
    return {
      ...store,
      connect: async (context) => {
        const connection = await store.connect(context);
        return {
          lease: async (task, options) => {
            const lease = await connection.lease(task, options);
            console.log(`restored ${lease.latest?.epoch ?? 0}`);
            return lease;
          },
          release: (task, lease) => connection.release(task, lease),
          commit: async (task, lease, checkpoint) => {
            this.#at("before-store-commit");
            await connection.commit(task, lease, checkpoint);
            console.log(`committed ${checkpoint.epoch}`);
            this.#at("after-store-commit");
          },
          latestEpoch: (task, lease) => connection.latestEpoch(task, lease),
          close: () => connection.close(),
        };
      },
    };
  }

  beforeSourceCommit<T>(source: Source<T>): Source<T> {
    return {
      ...source,
      connect: async (context) => {
        const connection = await source.connect(context);
        const methods = { ...connection };
        return Object.assign(Object.create(connection) as typeof connection, methods, {
          subscribe: connection.subscribe.bind(connection),
          open: connection.open.bind(connection),
          committed: connection.committed?.bind(connection),
          comparePositions: connection.comparePositions.bind(connection),
          partitionOf: connection.partitionOf?.bind(connection),
          close: connection.close.bind(connection),
          commit: async (positions: ReadonlyMap<string, string>, generation: number) => {
            this.#at("before-source-commit");
            await connection.commit?.(positions, generation);
          },
        });
      },
    };
  }

  #at(point: KillPoint): void {
    if (point === this.#point && --this.#left <= 0) process.kill(process.pid, "SIGKILL");
  }
}
