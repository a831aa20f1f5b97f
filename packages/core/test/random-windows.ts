import {
  countWindow,
  type KeyedStream,
  session,
  sliding,
  tumbling,
  type Windowed,
  type WindowOptions,
  type WindowSpec,
} from "../src/index.js";
import { byN, groups, type Node, type Operator, type Row, type Value, type Workshop } from "./random-parts.js";

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Shape {
  readonly spec: WindowSpec<false>;
  readonly size: number;
  readonly slide: number;
}

const timed = (node: Node): boolean => node.timed;

export const WINDOW_OPERATORS: readonly Operator[] = [
  { kind: "window", needs: timed, add: (workshop, node) => aligned(workshop, node, 0, {}) },
  {
    kind: "finalWindow",
    needs: timed,
    add: (workshop, node) => aligned(workshop, node, workshop.pick([10, 60]), { emit: "final" }),
  },
  {
    kind: "refiringWindow",
    needs: timed,
    add: (workshop, node) => {
      const early = workshop.pick<Partial<WindowOptions<Value>>>([
        {},
        { early: { count: 2 } },
        { early: { every: 30, clock: "event" } },
      ]);
      const [{ stream, rows }] = aligned(workshop, node, workshop.pick([10, 60]), early) as [Node];
      workshop.finish(
        stream,
        rows.map(({ value }) => value),
        "replaced",
      );
      return [];
    },
  },
  { kind: "session", needs: (node) => node.ordered && node.timed, add: sessions },
  { kind: "countWindow", needs: (node) => node.ordered, add: countWindows },
];

function shapeOf({ pick }: Workshop): Shape {
  const [size, slide] = pick([
    [40, 40],
    [100, 100],
    [60, 20],
    [20, 50],
  ] as const);
  return { size, slide, spec: size === slide ? tumbling({ size }) : sliding({ size, slide }) };
}

/** Tumbling or sliding windows, by key or over all, with one of several contents that come to the same number. */
function aligned(workshop: Workshop, node: Node, latenessMs: number, policy: Partial<WindowOptions<Value>>): Node[] {
  const { name, pick } = workshop;
  const own = name("window");
  const shape = shapeOf(workshop);
  const keyed = pick([true, true, false]);
  const key = keyed ? byN(4) : () => 0;
  const { kept, late } = judge(node.rows, shape, latenessMs);
  const options = {
    ...policy,
    late: workshop.late(own, late),
    ...(latenessMs === 0 ? {} : { allowedLateness: latenessMs }),
  };
  const result = (windowed: Windowed<unknown, number>): Value =>
    resultOf(own, (windowed.key as number | undefined) ?? 0, windowed.window, windowed.value);
  const windows = (keyed ? node.stream.keyBy(key) : node.stream).window(own, shape.spec, options);
  const content = pick(["aggregate", "collect", "fold", "reduce"]);
  const stream =
    content === "aggregate"
      ? windows
          .aggregate((by) => ({ sum: by.sum(({ n }) => n) }))
          .map((each) => result({ ...each, value: each.value.sum }))
      : content === "collect"
        ? windows.collect().map((each) => result({ ...each, value: sumOf(each.value) }))
        : content === "fold"
          ? windows
              .fold(
                () => 0,
                (sum, { n }) => sum + n,
                (left, right) => left + right,
              )
              .map(result)
          : windows
              .reduce((left, right) => ({ id: left.id, n: left.n + right.n, t: left.t }))
              .map((each) => result({ ...each, value: each.value.n }));
  const rows = [...kept.entries()].flatMap(([end, inside]) =>
    [...groups(inside, key)].map(
      ([k, members]): Row => ({
        value: resultOf(own, k, { start: end - shape.size, end }, sumOf(members.map(({ value }) => value))),
        time: end - 1,
        mark: Number.NaN,
      }),
    ),
  );
  const unkeyed = keyed ? (stream as KeyedStream<number, Value>).unkeyed() : stream;
  return [{ ...node, stream: unkeyed, rows, ordered: false }];
}

/** Sessions of keys whose values come in one order. */
function sessions(workshop: Workshop, node: Node): Node[] {
  const { name, pick, late } = workshop;
  const own = name("session");
  const gap = pick([15, 40]);
  const rows: Row[] = [];
  const lates: Row[] = [];
  for (const [key, members] of groups(node.rows, byN(3))) {
    let open: (Span & { readonly sum: number })[] = [];
    for (const row of members) {
      const { time, mark, value } = row;
      const live = (end: number): boolean => !(mark >= end - 1);
      const meets = open.filter(({ start, end }) => live(end) && start <= time + gap && time <= end);
      const start = Math.min(time, ...meets.map((span) => span.start));
      const end = Math.max(time + gap, ...meets.map((span) => span.end));
      if (live(end))
        open = [
          ...open.filter((span) => !meets.includes(span)),
          { start, end, sum: meets.reduce((sum, span) => sum + span.sum, value.n) },
        ];
      else lates.push(row);
    }
    rows.push(
      ...open.map((span) => ({ value: resultOf(own, key, span, span.sum), time: span.end - 1, mark: Number.NaN })),
    );
  }
  const stream = node.stream
    .keyBy(byN(3))
    .window(own, session({ gap }), { late: late(own, lates) })
    .aggregate((by) => ({ sum: by.sum(({ n }) => n) }))
    .map(({ key, window, value }) => resultOf(own, key, window, value.sum))
    .unkeyed();
  return [{ ...node, stream, rows, ordered: false }];
}

/** The last values of a key, after every so many: what is left over in the end does not come. */
function countWindows({ name, pick }: Workshop, node: Node): Node[] {
  const own = name("count");
  const [size, step] = pick([
    [3, 3],
    [5, 2],
    [2, 4],
  ] as const);
  const key = byN(3);
  const rows = [...groups(node.rows, key)].flatMap(([k, members]) =>
    Array.from({ length: Math.floor(members.length / step) }, (_, i): Row => {
      const end = (i + 1) * step;
      const start = Math.max(0, end - size);
      const inside = members.slice(start, end).map(({ value }) => value);
      return { value: resultOf(own, k, { start, end }, sumOf(inside)), time: 0, mark: Number.NaN };
    }),
  );
  const stream = node.stream
    .keyBy(key)
    .window(own, countWindow(size, { step }))
    .aggregate((by) => ({ sum: by.sum(({ n }) => n) }))
    .map(({ key: k, window, value }) => resultOf(own, k, window, value.sum))
    .unkeyed();
  // A window that waits for more values does not hold the watermark back.
  return [{ stream, rows, ordered: false, timed: false }];
}

/** Which rows are in which window, by its end, and which are too late for all of theirs. */
export function judge(
  rows: readonly Row[],
  { size, slide }: Shape,
  latenessMs: number,
): { kept: Map<number, Row[]>; late: Row[] } {
  const kept = new Map<number, Row[]>();
  const late: Row[] = [];
  for (const row of rows) {
    const ends: number[] = [];
    for (let start = Math.floor(row.time / slide) * slide; start > row.time - size; start -= slide)
      ends.push(start + size);
    const open = ends.filter((end) => !(row.mark >= end - 1 + latenessMs));
    for (const end of open) kept.set(end, [...(kept.get(end) ?? []), row]);
    if (open.length === 0 && (ends.length > 0 || row.mark >= row.time + latenessMs)) late.push(row);
  }
  return { kept, late };
}

export function resultOf(operator: string, key: number, { start, end }: Span, n: number): Value {
  return { id: `${operator} ${key} ${start}-${end}`, n, t: 0 };
}

export function sumOf(values: readonly Value[]): number {
  return values.reduce((sum, { n }) => sum + n, 0);
}
