import type { Stream } from "../src/index.js";
import { JOIN_OPERATORS } from "./random-joins.js";
import {
  byN,
  each,
  groups,
  later,
  type Node,
  nth,
  type Operator,
  rolling,
  slowTable,
  type Value,
} from "./random-parts.js";
import { WINDOW_OPERATORS } from "./random-windows.js";

const turn = (value: Value): Value => ({ ...value, id: `${value.id}m`, n: (value.n * 2 + 1) % 1_009 });
const thirds = ({ n }: Value): boolean => n % 3 !== 0;
const even = ({ n }: Value): boolean => n % 2 === 0;
const fifths = ({ n }: Value): boolean => n % 5 === 0;
const expand = (value: Value): Value[] =>
  even(value) ? [] : [0, 1].map((i) => ({ ...value, id: `${value.id}.${i}`, n: value.n + i }));

const any = (): boolean => true;
const ordered = (node: Node): boolean => node.ordered;
const timed = (node: Node): boolean => node.timed;

/** The operators of random topologies. Each is put on a stream, and evaluated on arrays beside that. */
export const OPERATORS: readonly Operator[] = [
  { kind: "map", needs: any, add: (_, node) => [each(node, node.stream.map(turn), (value) => [turn(value)])] },
  {
    kind: "filter",
    needs: any,
    add: (_, node) => [each(node, node.stream.filter(thirds), (value) => (thirds(value) ? [value] : []))],
  },
  { kind: "flatMap", needs: any, add: (_, node) => [each(node, node.stream.flatMap(expand), expand)] },
  {
    kind: "split",
    needs: any,
    add: (_, node) => {
      const [matched, rest] = node.stream.split(even);
      return [
        each(node, matched, (value) => (even(value) ? [value] : [])),
        each(node, rest, (value) => (even(value) ? [] : [value])),
      ];
    },
  },
  {
    kind: "throttle",
    needs: any,
    add: ({ name }, node) => [{ ...node, stream: node.stream.throttle({ elements: 15, per: 40, name: name("slow") }) }],
  },
  { kind: "passThrough", needs: any, add: (_, node) => [{ ...node, stream: node.stream.passThrough() }] },
  {
    kind: "merge",
    needs: (node, other) => node !== other,
    two: true,
    add: (_, node, other) => [
      {
        stream: node.stream.merge(other.stream),
        rows: [...node.rows, ...other.rows],
        ordered: false,
        timed: node.timed && other.timed,
      },
    ],
  },
  {
    kind: "roundRobin",
    // The branch a value takes is in its id below the merge.
    needs: ordered,
    add: ({ name }, node) => {
      const [first, ...rest] = node.stream.roundRobin(3, { name: name("robin") });
      return [{ ...node, stream: (first as Stream<Value>).merge(...rest), ordered: false }];
    },
  },
  {
    kind: "mapAsync",
    needs: any,
    add: ({ clock, pick }, node) => {
      const order = pick(["input", "any", "key"] as const);
      const wait = async (value: Value): Promise<Value> => {
        await later(clock, (value.n % 7) + 1);
        return turn(value);
      };
      const stream =
        order === "key"
          ? node.stream.keyBy(byN(4)).mapAsync(wait, { order, concurrency: 3 }).unkeyed()
          : node.stream.mapAsync(wait, { order, concurrency: 3 });
      return [{ ...each(node, stream, (value) => [turn(value)]), ordered: node.ordered && order === "input" }];
    },
  },
  {
    kind: "failingAsync",
    needs: any,
    add: ({ clock, dead, name }, node) => {
      const call = async (value: Value): Promise<Value> => {
        await later(clock, (value.n % 3) + 1);
        if (fifths(value)) throw new Error("five");
        return value;
      };
      const letters = dead(
        name("call"),
        node.rows.filter(({ value }) => fifths(value)),
      );
      return [each(node, node.stream.mapAsync(call, { onError: letters }), (value) => (fifths(value) ? [] : [value]))];
    },
  },
  {
    kind: "lookup",
    needs: any,
    add: ({ clock, name, pick }, node) => {
      const found = (value: Value, more: number | undefined): Value => ({
        ...value,
        id: `${value.id}+${more ?? "none"}`,
      });
      const cache = pick([{}, { cache: { max: 5, ttl: 50 } }]);
      const stream = node.stream.lookup(byN(20), slowTable(name("table"), clock), found, { ...cache, concurrency: 2 });
      return [
        each(node, stream, (value) => [found(value, byN(20)(value) % 4 === 0 ? undefined : byN(20)(value) * 100)]),
      ];
    },
  },
  {
    kind: "fold",
    needs: ordered,
    add: ({ name }, node) => {
      const add = (sum: Value, value: Value): Value => ({ ...value, id: `${value.id}f`, n: (sum.n + value.n) % 997 });
      const zero: Value = { id: "", n: 0, t: 0 };
      const stream = node.stream
        .keyBy(byN(5))
        .fold(zero, add, { name: name("fold") })
        .unkeyed();
      return [rolling(node, stream, byN(5), (state, value) => add(state ?? zero, value))];
    },
  },
  {
    kind: "reduce",
    needs: ordered,
    add: ({ name }, node) => {
      const larger = (left: Value, right: Value): Value => ({
        ...right,
        id: `${right.id}r`,
        n: Math.max(left.n, right.n),
      });
      const stream = node.stream.reduce(larger, { name: name("reduce") });
      return [
        rolling(
          node,
          stream,
          () => 0,
          (state, value) => (state === undefined ? value : larger(state, value)),
        ),
      ];
    },
  },
  {
    kind: "stateful",
    needs: ordered,
    add: ({ name }, node) => {
      const stream = node.stream
        .keyBy(byN(6))
        .stateful(name("count"), {
          init: () => 0,
          onValue: (count: number, value: Value): readonly [number, Value] => [count + 1, { ...value, n: count + 1 }],
        })
        .unkeyed();
      return [rolling(node, stream, byN(6), (state, value) => ({ ...value, n: (state?.n ?? 0) + 1 }))];
    },
  },
  {
    kind: "dedupe",
    needs: (node) => node.ordered && node.timed,
    add: ({ name, pick }, node) => {
      const within = pick([30, 200]);
      const stream = node.stream
        .keyBy(byN(2))
        .dedupe(name("once"), { by: byN(10), within })
        .unkeyed();
      const seen = new Map<number, number>();
      const rows = node.rows.filter(({ value, time, mark }) => {
        const at = Number.isNaN(mark) ? time : Math.max(mark, time);
        const stamp = seen.get(byN(10)(value));
        if (stamp !== undefined && at - stamp < within) return false;
        seen.set(byN(10)(value), at);
        return true;
      });
      return [{ ...node, stream, rows }];
    },
  },
  {
    kind: "batch",
    needs: ordered,
    add: ({ name }, node) => {
      const joined = (values: readonly Value[]): Value => ({
        id: values.map(({ id }) => id).join("&"),
        n: values.reduce((sum, { n }) => sum + n, 0) % 997,
        t: 0,
      });
      const stream = node.stream
        .keyBy(byN(3))
        .batch({ size: 4, name: name("batch") })
        .map(joined)
        .unkeyed();
      const rows = [...groups(node.rows, byN(3)).values()].flatMap((own) =>
        Array.from({ length: Math.ceil(own.length / 4) }, (_, i) => {
          const part = own.slice(4 * i, 4 * i + 4);
          return { value: joined(part.map(({ value }) => value)), time: 0, mark: Number.NaN };
        }),
      );
      // A part batch that waits for more does not hold the watermark back.
      return [{ ...node, stream, rows, ordered: false, timed: false }];
    },
  },
  {
    kind: "take",
    needs: ordered,
    add: ({ name }, node) => [
      {
        ...node,
        stream: node.stream
          .keyBy(byN(5))
          .take(4, { name: name("take") })
          .unkeyed(),
        rows: node.rows.filter(nth(byN(5), (place) => place < 4)),
      },
    ],
  },
  {
    kind: "skip",
    needs: ordered,
    add: ({ name }, node) => [
      {
        ...node,
        stream: node.stream.skip(3, { name: name("skip") }),
        rows: node.rows.filter(
          nth(
            () => 0,
            (place) => place >= 3,
          ),
        ),
      },
    ],
  },
  {
    kind: "process",
    needs: timed,
    add: ({ name, finish }, node) => {
      const dueAt = (time: number): number => Math.ceil(time / 50) * 50 + 25;
      const ring = (key: number, time: number): Value => ({ id: `timer ${key} at ${time}`, n: key, t: time });
      const stream = node.stream
        .keyBy(byN(3))
        .process<Record<never, never>, Value>(name("timers"), {
          state: {},
          onValue: (_, context) => context.setTimer(dueAt(context.time as number)),
          onTimer: (time, _, { key }) => [ring(key, time)],
        })
        .unkeyed();
      const rings = node.rows.map(({ value, time }) => ring(byN(3)(value), dueAt(time)));
      finish(stream, [...new Map(rings.map((each) => [each.id, each])).values()]);
      return [];
    },
  },
  ...WINDOW_OPERATORS,
  // Two streams that fit are rare, so where there are some these are drawn more often.
  ...JOIN_OPERATORS,
  ...JOIN_OPERATORS,
  ...JOIN_OPERATORS,
];
