import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Sink, SinkWriter } from "../connector.js";
import type { Key } from "../element.js";
import { from } from "../from.js";
import { discardSink } from "../io/discard-sink.js";
import { stateful } from "../operators/stateful.js";
import type { OperatorSpec, StageContext } from "../stage.js";
import type { Stream } from "../stream.js";
import { operatorStream } from "../stream-builder.js";
import { type Topology, topology } from "../topology.js";
import type { Faults } from "./fault-plan.js";
import { type Simulation, simulate, type World } from "./simulate.js";
import { testSink } from "./test-sink.js";

const FAULTS: Faults = { crash: 3, duplicate: 3, delay: 1, tornWrite: 2, abandonEpoch: 1 };
const VALUES = Array.from({ length: 600 }, (_, i) => i);
const FEW = VALUES.slice(0, 250);
const counting = {
  init: () => 0,
  onValue: (n: number, value: number) => [n + 1, [value, n + 1] as const] as [number, readonly [number, number]],
};

/** A sink that is idempotent: what it holds is what a user would find. */
function table<T>(name: string): Sink<T> {
  return testSink<T>(name, { writes: "idempotent" });
}

function counts(stream: Stream<number>): Stream<readonly [number, number]> {
  return stream.keyBy((n) => n % 7).stateful("count", counting);
}

/** Two sources, a rolling sum, a count by key, a merge, two sinks. */
function wholePipeline(_world: World): Topology {
  const numbers = from(FEW, { name: "numbers" });
  const more = from(
    FEW.map((n) => n + 1_000),
    { name: "more" },
  );
  const merged = counts(numbers).merge(counts2(more));
  return topology(
    "whole",
    merged.to(table("counts")),
    numbers.fold(0, (sum, n) => sum + n, { name: "sum" }).to(table("sums")),
  );
}

const counts2 = (stream: Stream<number>) => stream.keyBy((n) => n % 5).stateful("count-2", counting);

/** Counts of a list by key, as the operator makes them. */
function oracle(values: readonly number[], keys: number): (readonly [number, number])[] {
  const seen = new Map<number, number>();
  return values.map((n) => {
    const count = (seen.get(n % keys) ?? 0) + 1;
    seen.set(n % keys, count);
    return [n, count] as const;
  });
}

const byValue = (left: readonly number[], right: readonly number[]) => (left[0] as number) - (right[0] as number);

async function seedsThat<T>(
  seeds: number,
  run: (seed: number) => Promise<T>,
): Promise<{ seed: number; outcome: T | undefined; error: unknown }[]> {
  const all = [];
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      all.push({ seed, outcome: await run(seed), error: undefined });
    } catch (error) {
      all.push({ seed, outcome: undefined, error });
    }
  }
  return all;
}

describe("simulate()", () => {
  it("gives, for 50 seeds, what arrays give, each seed with the same trace twice, and every fault happens", async () => {
    const totals: Record<string, number> = {};
    const traces = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) {
      const { sinks, faults, traceHash } = await simulate(wholePipeline, { seed, faults: FAULTS });
      for (const [kind, count] of Object.entries(faults)) totals[kind] = (totals[kind] ?? 0) + count;
      const expected = [
        ...oracle(FEW, 7),
        ...oracle(
          FEW.map((n) => n + 1_000),
          5,
        ),
      ];
      expect([...(sinks.counts as (readonly [number, number])[])].sort(byValue), `seed ${seed}`).toEqual(expected);
      const sums = FEW.map((_, i) => (i * (i + 1)) / 2);
      expect(
        [...(sinks.sums as number[])].sort((left, right) => left - right),
        `seed ${seed}`,
      ).toEqual(sums);
      traces.add(traceHash);
    }
    // Checkpoints that take long leave out others, so that a run may have too few for its last fault.
    for (const [kind, count] of Object.entries(FAULTS)) expect(totals[kind], kind).toBeGreaterThan(50 * count * 0.6);
    expect(traces.size).toBe(50);
  }, 120_000);

  it("crashes at other moments with other seeds, and not at all without faults", async () => {
    let lives = 0;
    const build = (): Topology => {
      const source = from(VALUES, { name: "numbers" });
      const sink = testSink<number>("out");
      const { connect } = sink;
      return source.to({
        ...sink,
        connect: (context) => {
          lives++;
          return connect.call(sink, context);
        },
      });
    };
    await simulate(build, { seed: 1, faults: {} });
    expect(lives).toBe(3);
    lives = 0;
    const { faults } = await simulate(build, { seed: 1, faults: { crash: 4 } });
    expect([lives, faults.crash]).toEqual([1 + 2 * 5, 4]);
  });

  it("lets nothing happen behind a crash: a write that had not begun is lost, and comes again", async () => {
    const writes: number[][] = [];
    let life = 0;
    const build = (): Topology => {
      writes.length = 0;
      const sink: Sink<number> = {
        name: "out",
        writes: "append",
        connect: async () => {
          life++;
          return {
            open: async () => {
              const own = life;
              return {
                write: async (values) => {
                  if (own !== life) throw new Error("written by a process that is dead");
                  writes.push([...values]);
                },
                close: async () => {
                  if (own !== life) throw new Error("closed by a process that is dead");
                },
              };
            },
            close: async () => {},
          };
        },
      };
      return from(VALUES, { name: "numbers" }).to(sink);
    };
    for (let seed = 1; seed <= 20; seed++) {
      const { sinks } = await simulate(build, { seed, faults: { crash: 3 } });
      // At least once: everything is there, some of it again.
      expect(new Set(sinks.out)).toEqual(new Set(VALUES));
      expect(writes.flat()).toEqual(sinks.out);
    }
  });

  it("puts iterables in place of sources, and maps in place of lookups, and puts the lookups back", async () => {
    const fetched: Key[] = [];
    const names = {
      name: "names",
      fetch: async (keys: readonly number[]) => {
        fetched.push(...keys);
        return new Map<number, string>();
      },
    };
    const stream = from({
      name: "broker",
      connect: () => Promise.reject(new Error("no broker here")),
    }) as Stream<number>;
    const build = () =>
      stream
        .lookup(
          (n) => n,
          names,
          (n, name) => `${n} ${name}`,
        )
        .to(table("out"));
    const { sinks } = await simulate(build, {
      seed: 3,
      faults: { crash: 1 },
      replace: {
        sources: { broker: [1, 2, 3] },
        lookups: {
          names: new Map([
            [1, "one"],
            [3, "three"],
          ]),
        },
      },
    });
    expect(sinks.out).toEqual(["1 one", "2 undefined", "3 three"]);
    expect(fetched).toEqual([]);
    await names.fetch([7]);
    expect(fetched).toEqual([7]);
  });

  it("ends with what ends a run otherwise", async () => {
    const build = () =>
      from(VALUES)
        .map((n) => {
          if (n === 300) throw new Error("no");
          return n;
        })
        .to(discardSink());
    await expect(simulate(build, { seed: 1, faults: { crash: 2 } })).rejects.toMatchObject({ code: "E_OPERATOR" });
  });
});

describe("simulate() refuses (E_SIMULATION)", () => {
  const refused = (build: (world: World) => Topology) =>
    expect(simulate(build, { seed: 1, faults: {} })).rejects.toMatchObject({ code: "E_SIMULATION" });

  it("files", async () => {
    await refused(() =>
      from(VALUES)
        .mapAsync(async (n) => `${n}${(await readFile(import.meta.filename)).length}`)
        .to(table("out")),
    );
    // A single call, which may be over before anybody looks twice.
    let calls = 0;
    await refused(() =>
      from(VALUES)
        .mapAsync(async (n) => (calls++ % 600 === 17 ? (await readFile(import.meta.filename)).length : n))
        .to(table("out")),
    );
  });

  it("what differs from one run to the next", async () => {
    await refused(() =>
      from(VALUES)
        .map((n) => n + Math.random())
        .to(table("out")),
    );
    await refused(() =>
      from(VALUES)
        .map((n) => [n, process.hrtime.bigint()])
        .to(table("out")),
    );
  });

  it("a part that never connects", async () => {
    await refused(() => from(VALUES).to({ ...discardSink(), connect: () => new Promise(() => {}) }));
  });

  it("but not what uses the world's own clock and randomness", async () => {
    const build = ({ clock, random }: World) =>
      from(VALUES)
        .mapAsync(
          (n) =>
            new Promise<number>((resolve) => {
              clock.schedule(clock.now() + Math.floor(random() * 30), () => resolve(n));
            }),
        )
        .to(table("out"));
    const { sinks } = await simulate(build, { seed: 5, faults: FAULTS });
    expect(sinks.out).toEqual(VALUES);
  });
});

/** An operator with a fault planted into its stage. */
function broken(
  spec: OperatorSpec,
  plant: (stage: ReturnType<OperatorSpec["make"]>, context: StageContext) => void,
): OperatorSpec {
  return {
    ...spec,
    make: (context) => {
      const stage = spec.make(context);
      plant(stage, context);
      return stage;
    },
  };
}

describe("simulate() finds", () => {
  const found = async (
    build: (world: World) => Topology,
    sound: (result: Simulation) => boolean,
    faults: Faults = FAULTS,
  ): Promise<number> => {
    const outcomes = await seedsThat(20, (seed) => simulate(build, { seed, faults }));
    return outcomes.filter(({ outcome, error }) => error !== undefined || (outcome !== undefined && !sound(outcome)))
      .length;
  };
  const rightCounts = ({ sinks }: Simulation) =>
    JSON.stringify([...(sinks.counts as (readonly [number, number])[])].sort(byValue)) ===
    JSON.stringify(oracle(VALUES, 97));
  const through = (spec: OperatorSpec) => (): Topology =>
    topology(
      "t",
      operatorStream<readonly [number, number]>(
        from(VALUES, { name: "numbers" }).keyBy((n) => n % 97),
        spec,
        {},
      ).to(table("counts")),
    );

  it("nothing in an operator that is right", async () => {
    expect(await found(through(stateful("count", counting as never)), rightCounts)).toBe(0);
  });

  it("an operator that forgets to save its state", async () => {
    const forgets = broken(stateful("count", counting as never), (stage) => {
      stage.snapshot = () => [];
    });
    expect(await found(through(forgets), rightCounts)).toBeGreaterThan(4);
  });

  it("an operator that does not restore a key", async () => {
    const forgets = broken(stateful("count", counting as never), (stage) => {
      const restore = stage.restore?.bind(stage);
      stage.restore = (entries) => restore?.([...entries].slice(1));
    });
    expect(await found(through(forgets), rightCounts)).toBeGreaterThan(4);
  });

  it("an operator that forgets the changes of an epoch that was given up", async () => {
    const forgets = broken(stateful("count", counting as never), (stage) => {
      const snapshot = stage.snapshot?.bind(stage);
      // Takes every snapshot for committed at once.
      stage.snapshot = () => {
        const changes = [...(snapshot?.() ?? [])];
        stage.committed?.();
        return changes;
      };
    });
    expect(await found(through(forgets), rightCounts)).toBeGreaterThan(0);
  });

  it("a sink that confirms before it writes", async () => {
    const contents: number[] = [];
    const build = (): Topology => {
      contents.length = 0;
      const sink: Sink<number> = {
        name: "eager",
        writes: "append",
        connect: async () => ({
          open: async (): Promise<SinkWriter<number>> => {
            let buffer: number[] = [];
            const flush = (): void => {
              contents.push(...buffer);
              buffer = [];
            };
            return {
              write: async (values) => {
                if (buffer.length > 50) flush();
                buffer.push(...values);
              },
              close: async () => flush(),
            };
          },
          close: async () => {},
        }),
      };
      return from(VALUES, { name: "numbers" }).to(sink);
    };
    expect(await found(build, () => new Set(contents).size === VALUES.length, { crash: 3 })).toBeGreaterThan(4);
  });
});
