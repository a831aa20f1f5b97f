import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type DeadLetter,
  discardSink,
  from,
  type KeyedStream,
  memoryCheckpoints,
  type Sink,
  type Stream,
  StreamError,
  session,
  toMermaid,
  topology,
  tumbling,
} from "../src/index.js";
import { testSink } from "../src/testing/test-sink.js";
import { testSource } from "../src/testing/test-source.js";
import { graphOf } from "../src/topology.js";

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return error instanceof StreamError ? error.code : String(error);
  }
  return undefined;
}

function numbers(name = "numbers"): Stream<number> {
  return from([1, 2, 3], { name });
}

/** Who is told of the failures of each operator: by the sinks below its failed output. */
function deadLettersOf(branch: ReturnType<typeof topology>): Record<string, string[]> {
  const { edges, vertices } = graphOf(branch);
  const sinksBelow = (id: string): string[] =>
    edges
      .filter((edge) => edge.from === id)
      .flatMap(({ to }) => (vertices.find((v) => v.id === to)?.type === "sink" ? [to] : sinksBelow(to)));
  return Object.fromEntries(
    vertices
      .map(
        ({ id }) =>
          [id, edges.filter((e) => e.from === id && e.output === 2).flatMap(({ to }) => sinksBelow(to))] as const,
      )
      .filter(([, targets]) => targets.length > 0),
  );
}

describe("a closed topology", () => {
  it("has one node for a Source, Sink or Stream object used several times", () => {
    const source = testSource<number>({ name: "in" });
    const sink = testSink<number>("out");
    const doubled = from(source).map((n) => n * 2);
    const { nodes, edges } = topology(
      "t",
      doubled.filter((n) => n > 1).to(sink),
      doubled.to(sink),
      from(source).to(sink),
      from(source, { name: "other" }).to(sink),
      from(source, { name: "other" }).to(sink),
    ).describe();
    expect(nodes.map(({ id }) => id).sort()).toEqual(["filter-1", "in", "map-1", "other", "out"]);
    expect(edges.filter(({ to }) => to === "out")).toHaveLength(5);
    expect(
      edges
        .filter(({ from: id }) => id === "map-1")
        .map(({ to }) => to)
        .sort(),
    ).toEqual(["filter-1", "out"]);
  });

  it("keeps what a renamed source says of itself, also by accessors", () => {
    class Accessors {
      readonly name = "original";
      get bounded() {
        return true;
      }
      get partitioned() {
        return true;
      }
      get replays() {
        return false;
      }
      connect(): never {
        throw new Error("not connected here");
      }
    }
    const { vertices } = graphOf(topology("t", from<number>(new Accessors(), { name: "renamed" }).to(discardSink())));
    expect(vertices[0]).toMatchObject({ id: "renamed", source: { bounded: true, partitioned: true, replays: false } });
  });

  it("lists every vertex behind all those above it, and each edge once", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.constantFrom("map", "merge", "split")), { maxLength: 25 }),
        (steps) => {
          const streams: Stream<number>[] = [numbers("a"), numbers("b")];
          const at = (i: number) => streams[i % streams.length] as Stream<number>;
          for (const [left, right, what] of steps) {
            if (what === "map") streams.push(at(left).map((n) => n));
            else if (what === "merge") streams.push(at(left).merge(at(right)));
            else streams.push(...at(left).split((n) => n > 1));
          }
          const { vertices, edges } = graphOf(
            topology("t", ...streams.map((s, i) => s.to(discardSink(), { name: `s${i}` }))),
          );
          const place = new Map(vertices.map(({ id }, i) => [id, i]));
          expect(place.size).toBe(vertices.length);
          for (const edge of edges) expect(place.get(edge.from)).toBeLessThan(place.get(edge.to) as number);
          expect(new Set(edges.map((edge) => JSON.stringify(edge))).size).toBe(edges.length);
        },
      ),
    );
  });

  it("names sources and sinks first: an operator of the same name does not push their ids aside", () => {
    const branch = topology("t", numbers("a").take(1, { name: "b" }).skip(1, { name: "a" }).to(testSink("b")));
    expect(branch.describe().nodes.map(({ id, kind }) => [kind, id])).toEqual([
      ["source", "a"],
      ["take", "b-2"],
      ["skip", "a-2"],
      ["sink", "b"],
    ]);
  });

  it("refuses the same Sink object with different options, and takes it with the same", () => {
    const sink = discardSink();
    const dead = discardSink();
    const both = (left: object, right: object) => () =>
      topology("t", numbers().to(sink, left), numbers("b").to(sink, right));
    expect(codeOf(both({ concurrency: 2 }, { concurrency: 3 }))).toBe("E_ARGUMENT");
    expect(codeOf(both({ onError: "skip" }, {}))).toBe("E_ARGUMENT");
    expect(codeOf(both({ onError: dead }, { onError: discardSink() }))).toBe("E_ARGUMENT");
    expect(codeOf(both({ concurrency: 2, onError: "skip" }, { concurrency: 2, onError: "skip" }))).toBeUndefined();
    expect(codeOf(both({ onError: dead }, { onError: dead }))).toBeUndefined();
  });

  it("runs to its end when a sink with a dead-letter target is used at several places", async () => {
    const sink = testSink<number>("out");
    const dead = testSink<DeadLetter<number>>("dead");
    const summary = await topology(
      "t",
      numbers().to(sink, { onError: dead }),
      numbers("b").to(sink, { onError: dead }),
    ).run();
    expect(summary.status).toBe("completed");
    expect([...sink.values].sort()).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it("refuses a dead-letter target that leads back to its own sink", () => {
    const sink: Sink<unknown> = discardSink();
    expect(codeOf(() => topology("t", numbers().to(sink, { onError: (letters) => letters.to(sink) })))).toBe(
      "E_ARGUMENT",
    );
  });
});

describe("onError", () => {
  it("is for the operators above it, up to the previous onError", () => {
    const first = testSink("first");
    const second = testSink("second");
    const described = topology(
      "t",
      numbers()
        .map((n) => n)
        .onError(first)
        .filter((n) => n > 0)
        .flatMap((n) => [n])
        .onError(second)
        .tap(() => {})
        .to(testSink("out")),
    );
    expect(deadLettersOf(described)).toEqual({
      numbers: ["first"],
      "map-1": ["first"],
      "filter-1": ["second"],
      "flatMap-1": ["second"],
    });
    const actions = Object.fromEntries(graphOf(described).vertices.map(({ id, onError }) => [id, onError]));
    expect(actions["tap-1"]).toBe("fail");
  });

  it("of an operator of its own goes before that of the stream, which still reaches what is above", () => {
    const own = testSink("own");
    const streams = testSink("streams");
    const mapped = numbers().map((n) => n);
    const asked = mapped.mapAsync(async (n) => n, { onError: own });
    // The branch without a policy is looked at first: the other one must reach the operators above all the same.
    const described = topology("t", asked.to(testSink("plain")), asked.onError(streams).to(testSink("guarded")));
    expect(deadLettersOf(described)).toEqual({ numbers: ["streams"], "map-1": ["streams"], "mapAsync-1": ["own"] });
    const turned = topology("t", asked.onError(streams).to(testSink("guarded")), asked.to(testSink("plain")));
    expect(deadLettersOf(turned)).toEqual(deadLettersOf(described));
  });

  it("is refused where two branches disagree, and taken where they say the same", () => {
    const target = testSink("target");
    const two = (left: "fail" | "skip" | Sink<unknown>, right: "fail" | "skip" | Sink<unknown>) => () => {
      const mapped = numbers().map((n) => n);
      return topology("t", mapped.onError(left).to(testSink("a")), mapped.onError(right).to(testSink("b")));
    };
    expect(codeOf(two("skip", "fail"))).toBe("E_ON_ERROR_CONFLICT");
    expect(codeOf(two("skip", target))).toBe("E_ON_ERROR_CONFLICT");
    expect(codeOf(two(target, testSink("another")))).toBe("E_ON_ERROR_CONFLICT");
    expect(codeOf(two("skip", "skip"))).toBeUndefined();
    expect(deadLettersOf(two(target, target)())).toEqual({ "map-1": ["target"], numbers: ["target"] });
  });

  it("of a late or dead-letter branch is not that of the operators above it", () => {
    const described = topology(
      "t",
      numbers()
        .eventTime((n) => n)
        .keyBy((n) => n)
        .window("w", tumbling({ size: 10 }), {
          late: (late) =>
            late
              .map((l) => l.value)
              .onError("skip")
              .to(testSink("late")),
        })
        .count()
        .to(testSink("out")),
    );
    const actions = Object.fromEntries(graphOf(described).vertices.map(({ id, onError }) => [id, onError]));
    expect(actions).toMatchObject({ w: "fail", "keyBy-1": "fail", "map-1": "skip" });
  });
});

describe("topology() refuses", () => {
  const timed = () => numbers().eventTime((n) => n);
  const window = (stream: Stream<number>, name = "w") => stream.window(name, tumbling({ size: 10 }));

  it.each<[string, string, () => unknown]>([
    ["a name with a space", "E_NAME", () => topology("a b", numbers().to(discardSink()))],
    ["a name of 101 letters", "E_NAME", () => topology("a".repeat(101), numbers().to(discardSink()))],
    ["an empty name", "E_NAME", () => topology("", numbers().to(discardSink()))],
    [
      "an operator's name with a slash",
      "E_NAME",
      () => topology("t", numbers().take(1, { name: "a/b" }).to(discardSink())),
    ],
    ["a source's name with a slash", "E_NAME", () => topology("t", numbers("a/b").to(discardSink()))],
    [
      "two operators of one name",
      "E_DUPLICATE_NAME",
      () => topology("t", numbers().take(1, { name: "x" }).skip(1, { name: "x" }).to(discardSink())),
    ],
    ["two sources of one name", "E_DUPLICATE_NAME", () => topology("t", numbers().merge(numbers()).to(discardSink()))],
    [
      "a window without event time",
      "E_NO_EVENT_TIME",
      () => topology("t", window(numbers()).count().to(discardSink())),
    ],
    [
      "a window below a merge of which one input has no event time",
      "E_NO_EVENT_TIME",
      () =>
        topology(
          "t",
          window(timed().merge(numbers("b")))
            .count()
            .to(discardSink()),
        ),
    ],
    [
      "event time twice",
      "E_EVENT_TIME_PLACE",
      () =>
        topology(
          "t",
          timed()
            .eventTime((n) => n)
            .to(discardSink()),
        ),
    ],
    [
      "event time below keyBy",
      "E_EVENT_TIME_PLACE",
      () =>
        topology(
          "t",
          numbers()
            .keyBy((n) => n)
            .eventTime((n) => n)
            .to(discardSink()),
        ),
    ],
    [
      "event time below merge",
      "E_EVENT_TIME_PLACE",
      () =>
        topology(
          "t",
          numbers()
            .merge(numbers("b"))
            .eventTime((n) => n)
            .to(discardSink()),
        ),
    ],
    [
      "event time below unordered mapAsync",
      "E_EVENT_TIME_PLACE",
      () =>
        topology(
          "t",
          numbers()
            .mapAsync(async (n) => n, { order: "any" })
            .eventTime((n) => n)
            .to(discardSink()),
        ),
    ],
    [
      "a window over the results of one that fires again",
      "E_REFIRED_INPUT",
      () => {
        const counts = timed()
          .window("inner", tumbling({ size: 10 }), { allowedLateness: 5 })
          .count();
        return topology(
          "t",
          counts
            .window("outer", tumbling({ size: 100 }))
            .count()
            .to(discardSink()),
        );
      },
    ],
    [
      "a session over the results of a session with allowed lateness",
      "E_REFIRED_INPUT",
      () =>
        topology(
          "t",
          timed()
            .window("inner", session({ gap: 10 }), { allowedLateness: 5 })
            .count()
            .window("outer", session({ gap: 10 }))
            .count()
            .to(discardSink()),
        ),
    ],
    ["no branch", "E_ARGUMENT", () => topology("t")],
    ["what is no topology", "E_ARGUMENT", () => topology("t", {} as never)],
    ["another stream's merge input", "E_ARGUMENT", () => numbers().merge({} as never)],
    ["an onError that is none", "E_ARGUMENT", () => numbers().onError("drop" as never)],
  ])("%s", (_what, code, act) => {
    expect(codeOf(act)).toBe(code);
  });

  it.each<[string, () => unknown]>([
    [
      "a window over final results",
      () => {
        const counts = timed()
          .window("inner", tumbling({ size: 10 }), { allowedLateness: 5, emit: "final" })
          .count();
        return topology(
          "t",
          counts
            .window("outer", tumbling({ size: 100 }))
            .count()
            .to(discardSink()),
        );
      },
    ],
    [
      "a window over discarding results",
      () => {
        const counts = timed()
          .window("inner", tumbling({ size: 10 }), { allowedLateness: 5, firings: "discarding" })
          .count();
        return topology(
          "t",
          counts
            .window("outer", tumbling({ size: 100 }))
            .count()
            .to(discardSink()),
        );
      },
    ],
    [
      "a window over late values of a window that fires again",
      () =>
        topology(
          "t",
          timed()
            .window("inner", tumbling({ size: 10 }), {
              allowedLateness: 5,
              late: (late) =>
                late
                  .window("outer", tumbling({ size: 100 }))
                  .count()
                  .to(discardSink()),
            })
            .count()
            .to(discardSink()),
        ),
    ],
    [
      "event time on two branches of a source",
      () => {
        const source = numbers();
        const branch = () => source.eventTime((n) => n).to(discardSink());
        return topology("t", branch(), branch());
      },
    ],
  ])("but not %s", (_what, act) => {
    expect(act).not.toThrow();
  });
});

describe("describe() and toMermaid()", () => {
  it("say how many tasks run it and why", () => {
    const source = () => testSource<number>({ partitioned: true, name: "in" });
    const mode = (make: (stream: Stream<number>) => Stream<unknown>, input = source()) =>
      topology("t", make(from(input)).to(discardSink())).describe().tasks;
    expect(mode((s) => s.map((n) => n))).toMatchObject({ mode: "per-partition" });
    expect(mode((s) => s, testSource<number>({ name: "in" }))).toEqual({
      mode: "one",
      because: 'source "in" is not partitioned',
    });
    expect(mode((s) => s.take(1))).toEqual({ mode: "one", because: 'take "take-1" works over all partitions' });
    const spec = { init: () => 0, onValue: (n: number) => [n + 1] as [number] };
    expect(mode((s) => s.keyBy((n) => n).stateful("st", spec)).because).toContain("not declared partitioned");
    expect(mode((s) => s.keyBy((n) => n, { partitioned: true }).stateful("st", spec)).mode).toBe("per-partition");
    expect(mode((s) => s.batch({ size: 2 })).mode).toBe("per-partition");
  });

  it("draw every node and edge, whatever their names hold", () => {
    const sink = { ...discardSink(), name: 'quo"te #1 <b>' };
    const [even, odd] = numbers().split((n) => n % 2 === 0);
    const drawn = toMermaid(topology("t", even.onError(testSink("dead")).to(sink), odd.to(sink)).describe());
    expect(drawn).toMatchInlineSnapshot(`
      "%% t: one task (source "numbers" is not partitioned)
      flowchart LR
        n0(["numbers"])
        n1["split-1"]
        n2["deadLetters-1"]
        n3[("quo#quot;te #35;1 <b>")]
        n4[("dead")]
        n1 -- branch 1 --> n3
        n1 --> n3
        n0 --> n1
        n1 -. failed .-> n2
        n0 -. failed .-> n2
        n2 --> n4
      "
    `);
  });
});

describe("arguments that can not be right", () => {
  const none = undefined as never;
  it.each<[string, (s: Stream<number>) => unknown]>([
    ["map()", (s) => s.map(none)],
    ["filter()", (s) => s.filter(none)],
    ["flatMap()", (s) => s.flatMap(none)],
    ["tap()", (s) => s.tap(none)],
    ["split()", (s) => s.split(none)],
    ["keyBy()", (s) => s.keyBy(none)],
    ["fold()", (s) => s.fold(0, none)],
    ["reduce()", (s) => s.reduce(none)],
    ["mapAsync()", (s) => s.mapAsync(none)],
  ])("are refused where they are given: %s without its function", (name, call) => {
    expect(() => call(numbers())).toThrow(`E_ARGUMENT: ${name} takes a function; it was given undefined`);
  });

  it("are refused where they are given: an order by key of values without keys", () => {
    const call = async (n: number): Promise<number> => n;
    const message = 'order "key" needs values with a key: call keyBy() above';
    expect(() => numbers().mapAsync(call, { order: "key" })).toThrow(`mapAsync(): ${message}`);
    expect(() => numbers().to(discardSink(), { order: "key" })).toThrow(message);
    const keyed = numbers().keyBy((n) => n);
    expect(() => keyed.mapAsync(call, { order: "key" }).to(discardSink(), { order: "key" })).not.toThrow();
    expect(() => keyed.unkeyed().to(discardSink(), { order: "key" })).toThrow(message);
  });
});

describe("guarantees()", () => {
  const levels = (
    sink: Sink<unknown>,
    make: (s: Stream<number>) => Stream<unknown> = (s) => s,
    store = memoryCheckpoints(),
  ) =>
    topology("t", make(numbers()).to(sink))
      .guarantees({ checkpoint: { every: "1s", store } })
      .map(({ level, because }) => [level, because]);

  it("follow from the sink, the store and what stands on the path", () => {
    const plain = discardSink();
    const idempotent = { ...plain, name: "up", writes: "idempotent" as const };
    expect(levels({ ...plain, writes: "append" })).toEqual([["at-least-once", expect.stringContaining("appends")]]);
    expect(levels(idempotent)).toEqual([["effectively-once", expect.stringContaining("same id")]]);
    expect(levels({ ...plain, writes: "versioned" })).toEqual([
      ["effectively-once", expect.stringContaining("version")],
    ]);
    expect(levels({ ...plain, writes: "append", rollsBack: true })).toEqual([
      ["exactly-once", expect.stringContaining("rolls itself back")],
    ]);
    expect(levels(idempotent, (s) => s.mapAsync(async (n) => n, { order: "any" }))).toEqual([
      ["at-least-once", expect.stringContaining("mapAsync-1")],
    ]);
    expect(levels(idempotent, (s) => s.zip(s))).toHaveLength(2);
    const system = { ...memoryCheckpoints(), system: "db:1" };
    expect(levels({ ...plain, writes: "append", system: "db:1" }, (s) => s, system)).toEqual([
      ["exactly-once", expect.stringContaining("inside the commit")],
    ]);
    expect(levels({ ...plain, writes: "append", system: "db:2" }, (s) => s, system)[0]?.[0]).toBe("at-least-once");
  });

  it("are lowered where an operator depends on an order that a replay may change", () => {
    const sink = { ...discardSink(), name: "up", writes: "idempotent" as const };
    const source = testSource<number>({ name: "in", partitions: ["0", "1"], partitioned: true });
    const of = (make: (s: Stream<number>) => Stream<unknown>, to: Sink<unknown> = sink) =>
      topology("t", make(from(source)).to(to)).guarantees({
        checkpoint: { every: "1s", store: memoryCheckpoints() },
      })[0];
    const summed = (s: KeyedStream<number, number>) => s.reduce((sum, n) => sum + n, { name: "sum" });
    const key = (n: number) => n % 3;
    const lowered = { level: "at-least-once" };
    const kept = { level: "effectively-once" };
    expect(of((s) => summed(s.keyBy(key)))).toEqual({
      path: ["in", "keyBy-1", "sum", "up"],
      level: "at-least-once",
      because: 'reduce "sum" depends on the order in which the partitions of "in" are read, and a replay may change it',
    });
    expect(of((s) => summed(s.keyBy(key, { partitioned: true })))).toMatchObject(kept);
    expect(of((s) => summed(s.keyBy(key)), { ...sink, writes: "versioned" })).toMatchObject(kept);
    expect(of((s) => s.take(3, { name: "first" }))).toMatchObject(lowered);
    expect(of((s) => summed(s.merge(s).keyBy(key, { partitioned: true })))).toMatchObject({
      because: expect.stringContaining('"merge-1" takes its inputs'),
    });
    const called = (s: Stream<number>) =>
      s.keyBy(key, { partitioned: true }).mapAsync(async (n) => n, { order: "key" });
    expect(of((s) => summed(called(s)))).toMatchObject(kept);
    const skipped = of((s) => called(s).unkeyed().skip(1, { name: "rest" }));
    const otherKey = of((s) => summed(called(s).keyBy((n) => n, { partitioned: true })));
    for (const each of [skipped, otherKey])
      expect(each).toMatchObject({ because: expect.stringContaining('"mapAsync-1" lets results out') });
    expect(of((s) => s.merge(s).filter((n) => n > 1))).toMatchObject(kept);
  });

  it("refuse a delivery that does not hold, with the path and the operator", () => {
    const run = () =>
      topology(
        "t",
        numbers()
          .map((n) => n)
          .to({ ...discardSink(), name: "log", writes: "append" }),
      ).start({ delivery: "effectively-once" });
    expect(codeOf(run)).toBe("E_DELIVERY");
    expect(run).toThrow(/numbers → map-1 → log.*at-least-once.*appends/);
  });

  it("list at most a thousand paths of a graph of diamonds", () => {
    let stream = numbers();
    for (let i = 0; i < 12; i++) stream = stream.map((n) => n).merge(stream.map((n) => n));
    expect(topology("t", stream.to(discardSink())).guarantees()).toHaveLength(1_000);
  });
});
