import { describe, expect, it } from "vitest";
import type { Checkpoint, CheckpointConnection, CheckpointDelta, CheckpointHead, StateEntry } from "../connector.js";
import { StreamError } from "../errors.js";
import { memoryCheckpoints } from "../state/memory-checkpoints.js";
import { checkpointChecks } from "./checkpoint-suite.js";

/** Replaces calls of a sound connection by broken ones. `shared` lives as long as the storage. */
type Bug = (sound: CheckpointConnection, shared: Map<string, unknown>) => Partial<CheckpointConnection>;

/** The names of the checks, of those named like `only`, that a store with this bug fails. */
async function failures(bug: Bug, only = ""): Promise<string[]> {
  const failed: string[] = [];
  const checks = checkpointChecks({
    async setup() {
      const inner = memoryCheckpoints();
      const shared = new Map<string, unknown>();
      const store = {
        name: "broken",
        async connect(context: Parameters<typeof inner.connect>[0]) {
          const sound = await inner.connect(context);
          const calls: CheckpointConnection = {
            lease: (...args) => sound.lease(...args),
            release: (...args) => sound.release(...args),
            commit: (...args) => sound.commit(...args),
            latestEpoch: (...args) => sound.latestEpoch(...args),
            close: () => sound.close(),
          };
          return { ...calls, ...bug(calls, shared) };
        },
      };
      return { store: () => store, teardown: async () => {} };
    },
  });
  for (const { name, run } of checks.filter((check) => check.name.includes(only)))
    await run().catch(() => failed.push(name));
  return failed;
}

const changing =
  (change: (delta: CheckpointDelta) => CheckpointDelta): Bug =>
  (sound) => ({ commit: (task, lease, delta) => sound.commit(task, lease, change(delta)) });

const restoring =
  (change: (latest: Checkpoint) => Checkpoint): Bug =>
  (sound) => ({
    async lease(task, options) {
      const { number, latest } = await sound.lease(task, options);
      return { number, latest: latest && change(latest) };
    },
  });

const pages = (change: (pages: (readonly StateEntry[])[]) => (readonly StateEntry[])[]): Bug =>
  restoring((latest) => ({
    ...latest,
    async *entries() {
      const all: (readonly StateEntry[])[] = [];
      for await (const page of latest.entries()) all.push(page);
      yield* change(all);
    },
  }));

const losing = (field: keyof CheckpointHead, value: unknown): Bug =>
  changing((delta) => ({ ...delta, [field]: value }));

const utf8 = (bytes: Uint8Array): Uint8Array => new Uint8Array(Buffer.from(Buffer.from(bytes).toString("utf8")));

const swallow =
  (code: string) =>
  (error: unknown): void => {
    if (!(error instanceof StreamError && error.code === code)) throw error;
  };

const bugs: Readonly<Record<string, readonly [bug: Bug, caughtBy: string]>> = {
  "forgets deletes": [
    changing((delta) => ({ ...delta, changes: delta.changes.filter(([, , value]) => value !== undefined) })),
    "forgets deleted keys",
  ],
  "takes an empty value for a delete": [
    changing((delta) => ({
      ...delta,
      changes: delta.changes.map(([s, k, v]): StateEntry => [s, k, v?.length === 0 ? undefined : v]),
    })),
    "forgets deleted keys",
  ],
  "keeps keys as text": [
    changing((delta) => ({ ...delta, changes: delta.changes.map(([s, k, v]): StateEntry => [s, utf8(k), v]) })),
    "any bytes",
  ],
  "cuts keys at a zero byte": [
    changing((delta) => ({
      ...delta,
      changes: delta.changes.map(
        ([s, k, v]): StateEntry => [s, k.slice(0, k.includes(0) ? k.indexOf(0) : undefined), v],
      ),
    })),
    "any bytes",
  ],
  "mixes the states": [
    changing((delta) => ({ ...delta, changes: delta.changes.map(([, k, v]): StateEntry => ["all", k, v]) })),
    "restores what",
  ],
  "keeps a limited number of changes": [
    changing((delta) => ({ ...delta, changes: delta.changes.slice(0, 5_000) })),
    "10,000 entries",
  ],
  "loses the last page": [pages((all) => all.slice(0, -1)), "restores what"],
  "loses a middle page": [pages((all) => all.filter((_, i) => i !== 1)), "10,000 entries"],
  "gives a page twice": [pages((all) => [...all, ...all.slice(0, 1)]), "restores what"],
  "restores deleted entries as such": [pages((all) => [...all, [["a", new Uint8Array(), undefined]]]), "restores what"],
  "loses `ended`": [losing("ended", false), "every field"],
  "loses the topology hash": [losing("topologyHash", ""), "every field"],
  "loses the mode": [losing("mode", "one"), "every field"],
  "loses the partition counts": [losing("partitionCounts", new Map()), "every field"],
  "loses the times": [losing("time", { processing: 0, watermarks: new Map() }), "every field"],
  "loses the sinks' states": [losing("sinkStates", new Map()), "every field"],
  "has positions as plain objects": [
    changing((delta) => {
      const text: Record<string, Record<string, string>> = {};
      for (const [source, partitions] of delta.positions) text[source] = Object.fromEntries(partitions);
      return {
        ...delta,
        positions: new Map(
          Object.entries(text).map(([source, partitions]) => [source, new Map(Object.entries(partitions))]),
        ),
      };
    }),
    "every field",
  ],
  "merges heads": [
    (sound, shared) => ({
      commit(task, lease, delta) {
        const positions = new Map([
          ...((shared.get(task) as CheckpointHead | undefined)?.positions ?? []),
          ...delta.positions,
        ]);
        shared.set(task, { ...delta, positions });
        return sound.commit(task, lease, { ...delta, positions });
      },
    }),
    "every field",
  ],
  "keeps the caller's bytes": [
    (_, shared) => ({
      async commit(_task, _lease, delta) {
        shared.set("last", delta);
      },
      async lease() {
        const delta = shared.get("last") as CheckpointDelta | undefined;
        return {
          number: 1,
          latest: delta && {
            ...delta,
            entries: async function* () {
              yield delta.changes;
            },
          },
        };
      },
    }),
    "copies",
  ],
  "gives out its own bytes": [
    (sound, shared) => ({
      async lease(task, options) {
        const { number, latest } = await sound.lease(task, options);
        if (latest === undefined) return { number, latest };
        const kept = (shared.get(task) as (readonly StateEntry[])[] | undefined) ?? [];
        if (kept.length === 0) for await (const page of latest.entries()) kept.push(page);
        shared.set(task, kept);
        return {
          number,
          latest: {
            ...latest,
            entries: async function* () {
              yield* kept;
            },
          },
        };
      },
    }),
    "copies",
  ],
  "takes an epoch that is not newer": [
    (sound) => ({
      commit: (task, lease, delta) => sound.commit(task, lease, delta).catch(swallow("E_CHECKPOINT_STORE")),
    }),
    "not newer",
  ],
  "writes the changes of a refused epoch": [
    (sound) => ({
      async commit(task, lease, delta) {
        try {
          await sound.commit(task, lease, delta);
        } catch (error) {
          const epoch = await sound.latestEpoch(task, lease);
          if (epoch !== undefined) await sound.commit(task, lease, { ...delta, epoch: epoch + 0.5 });
          throw error;
        }
      },
    }),
    "not newer",
  ],
  "asks for the epoch within a lease only": [
    (sound, shared) => ({
      async lease(task, options) {
        shared.delete(task);
        return sound.lease(task, options);
      },
      async latestEpoch(task) {
        return shared.get(task) as number | undefined;
      },
      async commit(task, lease, delta) {
        await sound.commit(task, lease, delta);
        shared.set(task, delta.epoch);
      },
    }),
    "under a lease that is over",
  ],
  "has one epoch for all tasks": [
    (sound, shared) => ({
      async commit(task, lease, delta) {
        if (delta.epoch <= ((shared.get("epoch") as number | undefined) ?? 0))
          throw new StreamError("E_CHECKPOINT_STORE", "old");
        await sound.commit(task, lease, delta);
        shared.set("epoch", delta.epoch);
      },
    }),
    "tasks apart",
  ],
  "mixes tasks whose names begin alike": [
    (sound) => ({
      lease: (task, options) => sound.lease(task.slice(0, 8), options),
      commit: (task, lease, delta) => sound.commit(task.slice(0, 8), lease, delta),
      latestEpoch: (task, lease) => sound.latestEpoch(task.slice(0, 8), lease),
      release: (task, lease) => sound.release(task.slice(0, 8), lease),
    }),
    "tasks apart",
  ],
  "tears a commit that is cut off": [
    (sound) => {
      let closed = false;
      return {
        async commit(task, lease, delta) {
          await sound.commit(task, lease, { ...delta, epoch: delta.epoch - 0.5, changes: delta.changes.slice(0, 250) });
          if (closed) throw new Error("cut off");
          await Promise.resolve();
          await sound.commit(task, lease, delta);
        },
        async close() {
          closed = true;
          await sound.close();
        },
      };
    },
    "cut off",
  ],
  "gives a held lease away": [
    (sound, shared) => ({
      async lease(task, options) {
        const holder = shared.get(task) as { connection: CheckpointConnection; number: number } | undefined;
        if (holder !== undefined) await holder.connection.release(task, holder.number);
        const lease = await sound.lease(task, options);
        shared.set(task, { connection: sound, number: lease.number });
        return lease;
      },
    }),
    "refuses a lease that is held",
  ],
  "does not say who holds a lease": [
    (sound) => ({
      lease: (task, options) =>
        sound.lease(task, options).catch(() => {
          throw new StreamError("E_LEASE_HELD", "it is held");
        }),
    }),
    "naming its holder",
  ],
  "gives every lease the same number": [
    (sound, shared) => ({
      async lease(task, options) {
        const { number, latest } = await sound.lease(task, options);
        shared.set(task, number);
        return { number: 1, latest };
      },
      commit: (task, _, delta) => sound.commit(task, 1, delta),
    }),
    "numbers leases upwards",
  ],
  "lets a standby in at once": [
    (sound) => ({
      lease: (task, options) =>
        sound
          .lease(task, options?.wait === true ? { ...options, wait: false } : options)
          .catch(() => ({ number: 99, latest: undefined })),
    }),
    "gives a lease to whoever waits",
  ],
  "gives a standby the checkpoint of when it began to wait": [
    (sound) => ({
      async lease(task, options) {
        const { number, latest } = await sound.lease(task, options);
        return { number, latest: options?.wait === true ? undefined : latest };
      },
    }),
    "with what was saved",
  ],
  "holds a given-up wait's place": [
    (sound) => ({
      lease(task, options) {
        if (options?.wait !== true || options.signal === undefined) return sound.lease(task, options);
        sound.lease(task, { wait: true }).catch(() => {});
        return Promise.reject(new Error("given up"));
      },
    }),
    "lets a wait be given up",
  ],
  "does not fence": [
    (sound) => ({ commit: (task, lease, delta) => sound.commit(task, lease, delta).catch(swallow("E_FENCED")) }),
    "under a lease that is over",
  ],
  "answers the epoch under any lease": [
    (sound) => ({ latestEpoch: (task, lease) => sound.latestEpoch(task, lease).catch(() => 1) }),
    "under a lease that is over",
  ],
  "frees the lease for anybody": [
    (sound, shared) => ({
      async lease(task, options) {
        const lease = await sound.lease(task, options);
        shared.set(task, { connection: sound, number: lease.number });
        return lease;
      },
      async release(task) {
        const holder = shared.get(task) as { connection: CheckpointConnection; number: number };
        await holder.connection.release(task, holder.number);
      },
    }),
    "release of a lease that is over",
  ],
  "frees all of a connection's tasks at once": [
    (sound, shared) => ({
      async lease(task, options) {
        const lease = await sound.lease(task, options);
        shared.set(task, [sound, lease.number]);
        return lease;
      },
      async release() {
        for (const [task, [connection, number]] of shared as Map<string, [CheckpointConnection, number]>)
          await connection.release(task, number);
      },
    }),
    "leases the tasks one by one",
  ],
};

describe("checkpointSuite finds a store that", () => {
  it.each(Object.entries(bugs))("%s", async (_, [bug, caughtBy]) => {
    expect(await failures(bug, caughtBy)).not.toEqual([]);
  });

  it("and passes one without a bug", async () => {
    expect(await failures(() => ({}))).toEqual([]);
  });
});
