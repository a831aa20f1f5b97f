import { afterEach, describe, expect, it } from "vitest";
import type { Position, Source, SourceConnection, SourceReader } from "../connector.js";
import { sourceChecks } from "./source-suite.js";
import { deadlines } from "./suite.js";
import { type TestSource, testSource } from "./test-source.js";

/** Breaks calls of a sound connection. `shared` lives as long as the store. */
type Bug = (
  sound: SourceConnection<number>,
  shared: Map<string, unknown>,
  source: TestSource<number>,
) => Partial<SourceConnection<number>>;

interface Broken {
  readonly bounded?: boolean;
  readonly bug?: Bug;
  readonly kill?: (source: TestSource<number>) => void;
}

/** The names of the checks, of those named like `only`, that a source with this bug fails. Its partitions hold the values by turns. */
async function failures({ bounded = false, bug = () => ({}), kill }: Broken, only = ""): Promise<string[]> {
  let current: TestSource<number> | undefined;
  const checks = sourceChecks<number>({
    async setup(values) {
      const source = testSource<number>({ partitions: ["a", "b"], bounded, commits: true, batchSize: 9 });
      current = source;
      const shared = new Map<string, unknown>();
      const store = (more: readonly number[]): void => {
        for (const value of more) source.push(value, { partition: value % 2 === 0 ? "a" : "b", time: value });
        if (bounded) source.end();
        else source.caughtUp();
      };
      store(values);
      const broken: Source<number> = {
        name: source.name,
        bounded,
        async connect(context) {
          const sound = await source.connect(context);
          return { ...sound, ...bug(sound, shared, source) };
        },
      };
      return { source: () => broken, append: async (more) => store(more), teardown: async () => {} };
    },
    sample: (index) => index,
    ...(kill === undefined ? {} : { kill: async () => kill(current as TestSource<number>) }),
  });
  const failed: string[] = [];
  for (const { name, run } of checks.filter((check) => check.name.includes(only)))
    await run().catch(() => failed.push(name));
  return failed;
}

const reading =
  (
    change: (
      reader: SourceReader<number>,
      partition: string,
      position: Position | undefined,
    ) => Partial<SourceReader<number>>,
  ): Bug =>
  (sound) => ({
    async open(partition, position) {
      const reader = await sound.open(partition, position);
      const calls = { read: () => reader.read(), close: () => reader.close() };
      return { ...calls, ...change(calls, partition, position) };
    },
  });

const bugs: Readonly<Record<string, readonly [broken: Broken, caughtBy: string]>> = {
  "loses a value": [
    {
      bug: reading((reader) => ({
        read: () =>
          reader.read().then(
            (batch) =>
              batch && {
                ...batch,
                values: batch.values.filter((value) => value !== 8),
                offsets: batch.offsets?.filter((offset) => offset !== 4) ?? [],
              },
          ),
      })),
    },
    "every value once",
  ],
  "gives a value twice": [
    {
      bug: reading((reader) => ({
        read: () =>
          reader.read().then(
            (batch) =>
              batch && {
                ...batch,
                values: batch.values.flatMap((value) => (value === 8 ? [8, 8] : [value])),
                offsets: undefined as never,
              },
          ),
      })),
    },
    "every value once",
  ],
  "turns a batch round": [
    {
      bug: reading((reader) => ({
        read: () => reader.read().then((batch) => batch && { ...batch, values: batch.values.toReversed() }),
      })),
    },
    "each partition's in order",
  ],
  "loses what is behind 1,000 values": [
    {
      bug: reading((reader) => ({
        read: () =>
          reader.read().then(
            (batch) =>
              batch && {
                ...batch,
                values: batch.values.filter((value) => value < 1_000),
                offsets: batch.values.filter((value) => value < 1_000),
              },
          ),
      })),
    },
    "many values",
  ],
  "gives an offset too few": [
    {
      bug: reading((reader) => ({
        read: () => reader.read().then((batch) => batch && { ...batch, offsets: (batch.offsets ?? []).slice(1) }),
      })),
    },
    "every value once",
  ],
  "gives a time too few": [
    { bug: reading((reader) => ({ read: () => reader.read().then((batch) => batch && { ...batch, times: [] }) })) },
    "every value once",
  ],
  "gives a number for a position": [
    {
      bug: reading((reader) => ({
        read: () => reader.read().then((batch) => batch && { ...batch, position: Number(batch.position) as never }),
      })),
    },
    "every value once",
  ],
  "ends though it is not bounded": [
    {
      bug: reading((reader) => ({
        read: () => reader.read().then((batch) => (batch?.caughtUp === true ? undefined : batch)),
      })),
    },
    "every value once",
  ],
  "gives a value where there are none": [
    {
      bug: reading((reader) => ({
        read: () =>
          reader
            .read()
            .then((batch) => batch && (batch.values.length === 0 ? { ...batch, values: [-1], offsets: [-1] } : batch)),
      })),
    },
    "nothing of an empty store",
  ],
  "goes on after its end": [
    {
      bounded: true,
      bug: reading((reader) => {
        let ended = 0;
        return {
          read: () =>
            reader.read().then((batch) => batch ?? (ended++ === 1 ? { values: [], position: "0" } : undefined)),
        };
      }),
    },
    "every value once",
  ],
  "says too soon that it has caught up": [
    {
      bug: reading((reader) => ({ read: () => reader.read().then((batch) => batch && { ...batch, caughtUp: true }) })),
    },
    "every value once",
  ],
  "does not see later values": [
    {
      bug: (sound, shared) => ({
        async open(partition, position) {
          const seen = (shared.get("seen") as number[] | undefined) ?? [];
          shared.set("seen", seen);
          const reader = await sound.open(partition, position);
          return {
            ...reader,
            close: () => reader.close(),
            read: () =>
              reader.read().then(
                (batch) =>
                  batch && {
                    ...batch,
                    values: batch.values.filter((value) => value < 20),
                    offsets: batch.values.filter((value) => value < 20),
                  },
              ),
          };
        },
      }),
    },
    "added later",
  ],
  "numbers offsets by connection": [
    {
      bug: (sound, shared) => {
        const run = ((shared.get("run") as number | undefined) ?? 0) + 1;
        shared.set("run", run);
        return reading((reader) => ({
          read: () =>
            reader
              .read()
              .then(
                (batch) =>
                  batch && { ...batch, offsets: batch.offsets?.map((offset) => Number(offset) + run * 10_000) ?? [] },
              ),
        }))(sound, shared, testSource());
      },
    },
    "same offsets",
  ],
  "gives an offset twice": [
    {
      bug: reading((reader) => ({
        read: () => reader.read().then((batch) => batch && { ...batch, offsets: batch.values.map(() => 1) }),
      })),
    },
    "same offsets",
  ],
  "fails a read that is pending at close()": [
    {
      bug: reading((reader) => {
        let closed = false;
        return {
          read: async () => {
            const batch = await reader.read();
            if (closed && batch === undefined) throw new Error("closed");
            return batch;
          },
          close: () => {
            closed = true;
            return reader.close();
          },
        };
      }),
    },
    "at close()",
  ],
  "reads on after close()": [
    {
      bug: reading((reader) => ({ read: () => reader.read().then((batch) => batch ?? { values: [], position: "0" }) })),
    },
    "at close()",
  ],
  "fails at a second close()": [
    {
      bug: (sound) => {
        let closed = false;
        return {
          async close() {
            if (closed) throw new Error("closed already");
            closed = true;
            await sound.close();
          },
        };
      },
    },
    "closed twice",
  ],
  "is assigned its partitions again and again": [
    {
      bug: (sound) => ({
        async subscribe(listener) {
          await sound.subscribe(listener);
          await listener.assigned(["a", "b"], 2);
        },
      }),
    },
    "assigned its partitions once",
  ],
  "is assigned a partition twice": [
    {
      bug: () => ({
        async subscribe(listener) {
          await listener.assigned(["a", "a"], 1);
        },
      }),
    },
    "every value once",
  ],
  "loses partitions for nothing": [
    {
      bug: (sound) => ({
        async subscribe(listener) {
          await listener.lost(["a"], 1);
          await sound.subscribe(listener);
        },
      }),
    },
    "every value once",
  ],
  "is down": [{ bug: () => ({ health: async () => ({ status: "down" }) }) }, "is up"],
  "knows partitions that are not there": [{ bug: () => ({ partitionOf: () => "9" }) }, "assigned its partitions"],
  "asks a die for the partition of a key": [
    {
      bug: (_, shared) => ({
        partitionOf: () => {
          const turn = ((shared.get("turn") as number | undefined) ?? 0) + 1;
          shared.set("turn", turn);
          return turn % 2 === 0 ? "a" : "b";
        },
      }),
    },
    "assigned its partitions",
  ],
  "resumes at the begin": [
    { bug: (sound) => ({ open: (partition) => sound.open(partition, undefined) }) },
    "resumes behind any batch",
  ],
  "resumes one too far": [
    {
      bug: (sound) => ({
        open: (partition, position) => sound.open(partition, position && String(Number(position) + 1)),
      }),
    },
    "resumes behind any batch",
  ],
  "resumes with the last value again": [
    {
      bug: (sound) => ({
        open: (partition, position) => sound.open(partition, position && String(Number(position) - 1)),
      }),
    },
    "resumes behind any batch",
  ],
  "skips what was added while nobody read": [
    {
      bug: (sound, shared) => ({
        async open(partition, position) {
          if (position !== undefined && Number(position) === 25 && shared.get(partition) === undefined)
            shared.set(partition, true);
          return sound.open(partition, position === "25" ? "30" : position);
        },
      }),
    },
    "behind the last value",
  ],
  "gives the position of what it read ahead": [
    {
      bug: reading((reader) => {
        let ahead = reader.read();
        return {
          async read() {
            const batch = await ahead;
            if (batch === undefined || batch.values.length === 0) return batch;
            ahead = reader.read();
            const next = await ahead;
            return { ...batch, position: next?.position ?? batch.position };
          },
        };
      }),
    },
    "read ahead",
  ],
  "compares positions as text": [
    { bug: () => ({ comparePositions: (left, right) => (left < right ? -1 : left > right ? 1 : 0) }) },
    "compare and grow",
  ],
  "compares positions the wrong way round": [
    { bug: (sound) => ({ comparePositions: (left, right) => sound.comparePositions(right, left) }) },
    "compare and grow",
  ],
  "calls all positions equal": [{ bug: () => ({ comparePositions: () => 0 }) }, "compare and grow"],
  "can not compare": [{ bug: () => ({ comparePositions: () => Number.NaN }) }, "compare and grow"],
  "forgets commits": [{ bug: () => ({ commit: async () => {} }) }, "keeps committed"],
  "keeps commits in memory only": [
    {
      bug: () => {
        const kept = new Map<string, Position>();
        return {
          commit: async (positions) => {
            for (const [partition, position] of positions) kept.set(partition, position);
          },
          committed: async (partition) => kept.get(partition),
        };
      },
    },
    "keeps committed",
  ],
  "keeps one commit for all partitions": [
    { bug: (sound) => ({ committed: () => sound.committed?.("a") as Promise<Position | undefined> }) },
    "keeps committed",
  ],
  "lets an old generation's commit through": [
    {
      bug: (sound) => ({
        commit: (positions, generation) => sound.commit?.(positions, generation + 1) as Promise<void>,
      }),
    },
    "keeps committed",
  ],
  "has committed() and no commit()": [{ bug: () => ({ commit: undefined as never }) }, "keeps committed"],
  "commits what nobody committed": [
    { bug: (sound) => ({ committed: async (partition) => (await sound.committed?.(partition)) ?? "0" }) },
    "keeps committed",
  ],
  "loses values when it is killed": [
    {
      bug: (sound, shared) =>
        reading((reader) => ({
          read: () =>
            reader.read().then(
              (batch) =>
                batch &&
                (killed.has("now")
                  ? {
                      ...batch,
                      values: batch.values.filter((value) => value !== 120),
                      offsets: batch.values.filter((value) => value !== 120),
                    }
                  : batch),
            ),
        }))(sound, shared, testSource()),
      kill: () => void killed.add("now"),
    },
    "killed",
  ],
};
const killed = new Set<string>();

describe("sourceSuite finds a source that", () => {
  const patient = { ...deadlines };
  afterEach(() => Object.assign(deadlines, patient));

  it.each(Object.entries(bugs))("%s", async (_, [broken, caughtBy]) => {
    killed.clear();
    Object.assign(deadlines, { callMs: 500, restartMs: 500 });
    expect(await failures(broken, caughtBy)).not.toEqual([]);
  });

  it.each([true, false])("and passes one without a bug (bounded: %s)", async (bounded) => {
    expect(await failures({ bounded, kill: () => {} })).toEqual([]);
  });
});
