import {
  type KeyedStream,
  session,
  sliding,
  tumbling,
  type Windowed,
  type WindowOptions,
  type WindowSpec,
} from "../src/index.js";
import { byN, groups, type Node, type Operator, type Row, type Value, type Workshop } from "./random-parts.js";

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Shape {
  readonly spec: WindowSpec<false>;
  readonly size: number;
  readonly slide: number;
}

const timed = (node: Node): boolean => node.timed;
const bothTimed = (node: Node, other: Node): boolean => node !== other && node.timed && other.timed;

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
  { kind: "intervalJoin", needs: bothTimed, two: true, add: intervalJoin },
  { kind: "coGroup", needs: bothTimed, two: true, add: coGroup },
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

/** Pairs within an interval; outer ones with what found nobody. */
function intervalJoin(workshop: Workshop, node: Node, other: Node): Node[] {
  const { name, pick, late } = workshop;
  const own = name("join");
  const kind = pick(["join", "leftJoin", "outerJoin"] as const);
  const from = pick([-50, -10, 0]);
  const to = pick([0, 30]);
  const key = byN(3);
  const inTime = ({ time, mark }: Row): boolean => !(time < mark);
  const [lefts, rights] = [node.rows.filter(inTime), other.rows.filter(inTime)];
  const lates = [...node.rows, ...other.rows].filter((row) => !inTime(row));
  const pair = (left: Value | undefined, right: Value | undefined): Value => ({
    id: `(${left?.id}~${right?.id})`,
    n: ((left?.n ?? 0) + (right?.n ?? 0)) % 997,
    t: 0,
  });
  const fits = (left: Row, right: Row): boolean =>
    key(left.value) === key(right.value) && right.time >= left.time + from && right.time <= left.time + to;
  const pairs = lefts.flatMap((left) =>
    rights.filter((right) => fits(left, right)).map((right) => pair(left.value, right.value)),
  );
  if (kind !== "join")
    pairs.push(
      ...lefts.filter((left) => !rights.some((right) => fits(left, right))).map(({ value }) => pair(value, undefined)),
    );
  if (kind === "outerJoin")
    pairs.push(
      ...rights.filter((right) => !lefts.some((left) => fits(left, right))).map(({ value }) => pair(undefined, value)),
    );
  const [left, right] = [node.stream.keyBy(key), other.stream.keyBy(key)];
  const within = { between: [from, to] } as const;
  const options = { late: late(own, lates) };
  const stream =
    kind === "join"
      ? left.join(own, right, within, pair, options)
      : kind === "leftJoin"
        ? left.leftJoin(own, right, within, pair, options)
        : left.outerJoin(own, right, within, pair, options);
  // A pair has the mark of whoever came last.
  const rows = pairs.map((value) => ({ value, time: 0, mark: Number.NaN }));
  return [{ stream: stream.unkeyed(), rows, ordered: false, timed: false }];
}

/** Both sides of tumbling windows. */
function coGroup(workshop: Workshop, node: Node, other: Node): Node[] {
  const { name, pick, late } = workshop;
  const own = name("both");
  const size = pick([40, 100]);
  const shape: Shape = { size, slide: size, spec: tumbling({ size }) };
  const key = byN(3);
  const [left, right] = [judge(node.rows, shape, 0), judge(other.rows, shape, 0)];
  const group = (k: number, window: Span, lefts: readonly Value[], rights: readonly Value[]): Value =>
    resultOf(own, k, window, sumOf(lefts) * 2 + sumOf(rights));
  const rows: Row[] = [];
  for (const end of new Set([...left.kept.keys(), ...right.kept.keys()])) {
    const lefts = groups(left.kept.get(end) ?? [], key);
    const rights = groups(right.kept.get(end) ?? [], key);
    for (const k of new Set([...lefts.keys(), ...rights.keys()])) {
      const values = (members: readonly Row[] | undefined): Value[] => (members ?? []).map(({ value }) => value);
      const value = group(k, { start: end - size, end }, values(lefts.get(k)), values(rights.get(k)));
      rows.push({ value, time: end - 1, mark: Number.NaN });
    }
  }
  const stream = node.stream
    .keyBy(key)
    .coGroup(
      own,
      other.stream.keyBy(key),
      shape.spec,
      (lefts, rights, { key: k, window }) => group(k, window as Span, lefts, rights),
      { late: late(own, [...left.late, ...right.late]) },
    )
    .unkeyed();
  return [{ stream, rows, ordered: false, timed: true }];
}

/** Which rows are in which window, by its end, and which are too late for all of theirs. */
function judge(
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

function resultOf(operator: string, key: number, { start, end }: Span, n: number): Value {
  return { id: `${operator} ${key} ${start}-${end}`, n, t: 0 };
}

function sumOf(values: readonly Value[]): number {
  return values.reduce((sum, { n }) => sum + n, 0);
}
