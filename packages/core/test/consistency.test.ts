import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Clock, type DeadLetter, from, type Sink, type Stream, topology } from "../src/index.js";
import { startRun } from "../src/runtime/run.js";
import { seededRandom } from "../src/testing/seeded-random.js";
import { type TestSource, testSource } from "../src/testing/test-source.js";
import { virtualClock } from "../src/testing/virtual-clock.js";
import { graphOf } from "../src/topology.js";
import {
  outcome,
  quietLogger,
  type RecordingSink,
  type RecordingStore,
  recordingSink,
  recordingStore,
} from "./recording.js";

/** A step of a random topology: an operator on one or two of the streams made so far. */
type Step = { readonly kind: (typeof KINDS)[number]; readonly left: number; readonly right: number };
const KINDS = [
  "map",
  "filter",
  "flatMap",
  "split",
  "merge",
  "asyncInput",
  "asyncAny",
  "asyncKey",
  "throws",
  "count",
  "robin",
] as const;

const twice = (n: number) => (n * 2 + 1) % 1_009;
const expand = (n: number) => (n % 2 === 0 ? [] : [n, (n + 1) % 1_009]);
const fails = (n: number) => n % 5 === 0;
/** So many that most are not touched between two checkpoints. */
const KEYS = 60;
const countOf = (key: number, count: number) => key * 100_000 + count;

/** A stream beside what must have come out of it, from what was read. */
interface Pair {
  readonly stream: Stream<number>;
  readonly oracle: (read: Inputs) => number[];
}
type Inputs = ReadonlyMap<string, readonly number[]>;

/** Waits by the clock, so that calls end in another order than they began. */
function slowly<T>(clock: Clock, value: T, ms: number): Promise<T> {
  return new Promise((resolve) => {
    clock.schedule(clock.now() + ms, () => resolve(value));
  });
}

function build(
  steps: readonly Step[],
  sources: readonly TestSource<number>[],
  clock: Clock,
  dead: Sink<DeadLetter<number>>,
) {
  const pairs: Pair[] = sources.map((source) => ({
    stream: from(source),
    oracle: (read) => [...(read.get(source.name) ?? [])],
  }));
  const failed: Pair["oracle"][] = [];
  const used = new Set<number>();
  const take = (place: number): Pair => {
    used.add(place % pairs.length);
    return pairs[place % pairs.length] as Pair;
  };
  const add = (stream: Stream<number>, oracle: Pair["oracle"]): number => pairs.push({ stream, oracle });
  for (const [number, { kind, left, right }] of steps.entries()) {
    const { stream, oracle } = take(left);
    const asked = (order: "input" | "any" | "key") => ({ order, concurrency: 3 });
    const wait = (n: number) => slowly(clock, twice(n), (n % 7) + 1);
    switch (kind) {
      case "map":
        add(stream.map(twice), (read) => oracle(read).map(twice));
        break;
      case "filter":
        add(
          stream.filter((n) => n % 3 !== 0),
          (read) => oracle(read).filter((n) => n % 3 !== 0),
        );
        break;
      case "flatMap":
        add(stream.flatMap(expand), (read) => oracle(read).flatMap(expand));
        break;
      case "split": {
        const [matched, rest] = stream.split((n) => n % 2 === 0);
        add(matched, (read) => oracle(read).filter((n) => n % 2 === 0));
        add(rest, (read) => oracle(read).filter((n) => n % 2 !== 0));
        break;
      }
      case "merge": {
        const other = take(right);
        add(stream.merge(other.stream), (read) => [...oracle(read), ...other.oracle(read)]);
        break;
      }
      case "asyncInput":
        add(stream.mapAsync(wait, asked("input")), (read) => oracle(read).map(twice));
        break;
      case "asyncAny":
        add(stream.mapAsync(wait, asked("any")), (read) => oracle(read).map(twice));
        break;
      case "asyncKey":
        add(stream.keyBy((n) => n % 4).mapAsync(wait, asked("key")), (read) => oracle(read).map(twice));
        break;
      case "throws":
        // mapAsync takes a policy of its own, so nothing above is caught.
        add(
          stream.mapAsync(
            async (n) => {
              if (fails(n)) throw new Error("five");
              return n;
            },
            { onError: dead },
          ),
          (read) => oracle(read).filter((n) => !fails(n)),
        );
        failed.push((read) => oracle(read).filter(fails));
        break;
      case "count":
        add(
          stream
            .keyBy((n) => n % KEYS)
            .stateful(`count-${number}`, { init: () => 0, onValue: (n, _v, { key }) => [n + 1, countOf(key, n + 1)] }),
          (read) =>
            Array.from({ length: KEYS }, (_, key) => key).flatMap((key) =>
              oracle(read)
                .filter((n) => n % KEYS === key)
                .map((_, i) => countOf(key, i + 1)),
            ),
        );
        break;
      case "robin": {
        // Which branch a value takes depends on the interleaving: merged again it does not.
        const branches = stream.roundRobin(3, { name: `robin-${number}` });
        add((branches[0] as Stream<number>).merge(...branches.slice(1)), oracle);
        break;
      }
    }
  }
  const ends = pairs.filter((_, place) => !used.has(place) || place % 3 === 0);
  return { ends, failed };
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((left, right) => left - right);
}

/** The values of each source that stand before these positions. */
function readUntil(
  scripts: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>,
  positions: RecordingStore["commits"][number]["positions"] | undefined,
): Inputs {
  return new Map(
    [...scripts].map(([source, partitions]) => [
      source,
      [...partitions].flatMap(([partition, values]) =>
        values.slice(0, Number(positions?.get(source)?.get(partition) ?? 0)),
      ),
    ]),
  );
}

interface World {
  readonly clock: ReturnType<typeof virtualClock>;
  readonly random: () => number;
  readonly store: RecordingStore;
}

/** A sink that takes its time to write, and sometimes too long to flush. */
function slowSink<T>(name: string, { clock, random }: World, hangs: boolean): RecordingSink<T> {
  const sink = recordingSink<T>(name, {
    batch: { size: 8 + Math.floor(random() * 20), within: 5 },
    concurrency: 1 + Math.floor(random() * 3),
  });
  const connect = sink.connect;
  return Object.assign(sink, {
    connect: async (context: Parameters<typeof connect>[0]) => {
      const connection = await connect(context);
      return {
        open: async (...args: Parameters<typeof connection.open>) => {
          const writer = await connection.open(...args);
          return {
            write: async (...call: Parameters<typeof writer.write>) => {
              await slowly(clock, 0, Math.floor(random() * 8));
              return writer.write(...call);
            },
            flush: async (epoch: number) => {
              await slowly(clock, 0, hangs && random() < 0.15 ? 300 : 1);
              return writer.flush?.(epoch);
            },
            close: () => writer.close(),
          };
        },
        close: () => connection.close(),
      };
    },
  });
}

describe("a checkpoint of any topology", () => {
  const steps = fc.array(fc.record({ kind: fc.constantFrom(...KINDS), left: fc.nat(9), right: fc.nat(9) }), {
    maxLength: 8,
  });

  it("holds exactly what came of the values before its positions, over slow sinks, abandoned epochs and crashes", async () => {
    let checked = 0;
    let abandoned = 0;
    let restored = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.integer(), async (made, seed) => {
        const world: World = { clock: virtualClock(0), random: seededRandom(seed), store: recordingStore() };
        const { clock, random, store } = world;
        const sources = ["one", "two"].map((name) =>
          testSource<number>({ name, partitions: ["a", "b"], batchSize: 1 + Math.floor(random() * 9) }),
        );
        const scripts = new Map(
          sources.map(({ name }) => [
            name,
            new Map<string, number[]>([
              ["a", []],
              ["b", []],
            ]),
          ]),
        );
        for (let life = 0; ; life++) {
          const dead = slowSink<DeadLetter<number>>("dead", world, false);
          const { ends, failed } = build(made, sources, clock, dead);
          const sinks = ends.map((_, i) => slowSink<number>(`sink-${i}`, world, i === 0));
          const branches = ends.map(({ stream }, i) => stream.to(sinks[i] as Sink<number>));
          const logger = quietLogger();
          const before = store.commits.length;
          const base = readUntil(scripts, store.commits.at(-1)?.positions);
          if (life > 0 && store.commits.length > 0) restored++;
          const run = startRun(
            graphOf(topology("t", ...branches)),
            { clock, random, logger, checkpoint: { every: 20, timeout: 200, store } },
            { pick: (count) => Math.floor(random() * count), awaited: true },
          );
          const done = outcome(run.done);
          const crashes = life < 2 && random() < 0.7;
          for (let step = 0; step < 12 && !done.settled; step++) {
            for (const source of sources) {
              for (const partition of ["a", "b"]) {
                for (let i = Math.floor(random() * 12); i > 0; i--) {
                  const value = Math.floor(random() * 1_000);
                  scripts.get(source.name)?.get(partition)?.push(value);
                  source.push(value, { partition });
                }
              }
            }
            await clock.advance(1 + Math.floor(random() * 30));
          }
          if (crashes) run.abort();
          else for (const source of sources) source.end();
          for (let i = 0; i < 2_000 && !done.settled; i++) await clock.advance(20);
          expect(done.settled).toBe(true);
          if (!crashes && done.error !== undefined) throw done.error;
          abandoned += logger.warnings.filter((warning) => warning === "checkpoint abandoned").length;
          for (const { epoch, positions } of store.commits.slice(before)) {
            checked++;
            const now = readUntil(scripts, positions);
            ends.forEach(({ oracle }, i) => {
              const written = sinks[i]?.before(epoch) ?? (sinks[i]?.values as number[]);
              expect(sorted([...oracle(base), ...written])).toEqual(sorted(oracle(now)));
            });
            if (failed.length === 0) continue;
            const letters = (dead.before(epoch) ?? dead.values).map(({ value }) => value);
            const all = (read: Inputs) => failed.flatMap((oracle) => oracle(read));
            expect(sorted([...all(base), ...letters])).toEqual(sorted(all(now)));
          }
          if (!crashes) {
            expect(store.commits.at(-1)?.ended).toBe(true);
            break;
          }
        }
      }),
      { numRuns: 100 },
    );
    expect(checked).toBeGreaterThan(100);
    expect(abandoned).toBeGreaterThan(0);
    expect(restored).toBeGreaterThan(5);
  }, 120_000);
});
