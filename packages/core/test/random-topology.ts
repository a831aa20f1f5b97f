import {
  type Clock,
  type DeadLetter,
  from,
  type Late,
  type Sink,
  type Stream,
  type Topology,
  topology,
  type WriteOutcome,
} from "../src/index.js";
import { type TestSink, testSink } from "../src/testing/test-sink.js";
import { testSource } from "../src/testing/test-source.js";
import { OPERATORS } from "./random-operators.js";
import type { Node, Row, Value, Workshop } from "./random-parts.js";

/** What a random topology must come to. */
export interface Expectation {
  readonly topology: Topology;
  /** By sink, sorted: see textOf(). */
  readonly contents: ReadonlyMap<string, readonly string[]>;
  readonly kinds: readonly string[];
  readonly values: number;
}

const MAX_OPERATORS = 9;
const MAX_VALUES = 60;

/** A value, late value or dead letter in words. */
export function textOf(what: unknown): string {
  const { value, error } = what as { value?: Value; error?: unknown };
  if (value === undefined) return `${(what as Value).id}=${(what as Value).n}`;
  return `${error === undefined ? "late" : "dead"} ${value.id}`;
}

/** A topology drawn at random, and what every sink of it must hold when its input is over, by an evaluation on arrays. */
export function randomTopology(random: () => number, clock: Clock): Expectation {
  const contents = new Map<string, string[]>();
  const branches: Topology[] = [];
  const kinds: string[] = [];
  let named = 0;
  const below = (count: number): number => Math.floor(random() * count);
  const expect = (sink: string, texts: readonly string[]): void => {
    contents.set(sink, [...(contents.get(sink) ?? []), ...texts].sort());
  };
  const workshop: Workshop = {
    clock,
    random,
    below,
    pick: (choices) => choices[below(choices.length)] as (typeof choices)[number],
    name: (kind) => `${kind}-${named++}`,
    late: (name, rows) => {
      expect(
        `${name}-late`,
        rows.map(({ value }) => `late ${value.id}`),
      );
      return testSink<Late<Value>>(`${name}-late`, { writes: "idempotent" });
    },
    dead: (name, rows) => {
      expect(
        `${name}-dead`,
        rows.map(({ value }) => `dead ${value.id}`),
      );
      return testSink<DeadLetter<Value>>(`${name}-dead`, { writes: "idempotent" });
    },
    finish: (stream, values, how) => branches.push(finish(workshop, stream, values, how === "replaced", expect)),
  };
  const nodes = Array.from({ length: 1 + below(3) }, (_, i) => input(workshop, `in${i}`));
  const values = nodes.reduce((count, { rows }) => count + rows.length, 0);
  const used = new Set<Node>();
  for (let left = 1 + below(MAX_OPERATORS); left > 0; left--) {
    const node = workshop.pick(nodes);
    const other = workshop.pick(nodes);
    const { kind, two, add } = workshop.pick(OPERATORS.filter(({ needs }) => needs(node, other)));
    const made = add(workshop, node, other);
    kinds.push(kind);
    used.add(node);
    if (two === true) used.add(other);
    nodes.push(...made);
  }
  // Some that are used ends too: a fan-out.
  for (const node of nodes)
    if (!used.has(node) || below(5) === 0)
      workshop.finish(
        node.stream,
        node.rows.map(({ value }) => value),
      );
  return { topology: topology("random", ...branches), contents, kinds, values };
}

/** One to three partitions of values out of order by up to a bound, some of them later than it. */
function input({ below, pick }: Workshop, name: string): Node {
  const partitions = Array.from({ length: pick([1, 1, 1, 2, 3]) }, (_, i) => String(i));
  const source = testSource<Value>({ name, partitions, batchSize: pick([1, 2, 4]) });
  const bound = below(30);
  const disorder = bound + pick([0, 0, 20, 80]);
  const watermarks = new Map(partitions.map((partition) => [partition, Number.NEGATIVE_INFINITY]));
  const rows: Row[] = [];
  const count = 10 + below(MAX_VALUES);
  for (let i = 0; i < count; i++) {
    const partition = pick(partitions);
    const time = i * 10 - below(disorder + 1);
    const before = watermarks.get(partition) as number;
    const late = time <= before + 1;
    if (!late) watermarks.set(partition, Math.max(before, time - bound - 1));
    const value = { id: `${name}.${i}`, n: below(1_000), t: time };
    source.push(value, { partition });
    rows.push({ value, time, mark: late ? before : Number.NaN });
  }
  source.end();
  const stream = from(source).eventTime(({ t }) => t, { maxOutOfOrderness: bound, maxAhead: false });
  return { stream, rows, ordered: partitions.length === 1, timed: true };
}

/** Ends a branch in a sink that replaces by id; some refuse what they call poison. */
function finish(
  { name, dead, below, pick }: Workshop,
  stream: Stream<Value>,
  values: readonly Value[],
  replaced: boolean,
  expect: (sink: string, texts: readonly string[]) => void,
): Topology {
  const own = name("out");
  const options = { concurrency: 1 + below(3), batch: { size: pick([1, 10, 100]), within: pick([1, 20]) } };
  const sink = testSink<Value>(own, { writes: "idempotent" });
  if (replaced || below(4) > 0) {
    expect(own, values.map(textOf));
    return stream.to(sink, options);
  }
  const poison = (value: Value): boolean => value.n % 11 === 0;
  expect(own, values.filter((value) => !poison(value)).map(textOf));
  const refused = values.filter(poison).map((value) => ({ value, time: 0, mark: Number.NaN }));
  return stream.to(refusing(sink, poison), { ...options, onError: dead(own, refused) });
}

/** The sink, without what it calls poison. */
function refusing(sink: TestSink<Value>, poison: (value: Value) => boolean): Sink<Value> {
  return {
    name: sink.name,
    writes: sink.writes,
    connect: async (context) => {
      const connection = await sink.connect(context);
      return {
        open: async (task, state) => {
          const writer = await connection.open(task, state);
          return {
            write: async (values): Promise<readonly WriteOutcome[]> =>
              values.map((value) =>
                poison(value) ? { class: "poison", code: "E_ELEVEN", message: "divisible by 11" } : "written",
              ),
            close: () => writer.close(),
          };
        },
        close: () => connection.close(),
      };
    },
  };
}
