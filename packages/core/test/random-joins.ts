import { tumbling } from "../src/index.js";
import { byN, groups, type Node, type Operator, type Row, type Value, type Workshop } from "./random-parts.js";
import { judge, resultOf, type Shape, type Span, sumOf } from "./random-windows.js";

const bothTimed = (node: Node, other: Node): boolean => node !== other && node.timed && other.timed;

export const JOIN_OPERATORS: readonly Operator[] = [
  { kind: "intervalJoin", needs: bothTimed, two: true, add: intervalJoin },
  { kind: "coGroup", needs: bothTimed, two: true, add: coGroup },
  // Of right values at one time the last one counts, so they must come in one order.
  { kind: "asOfJoin", needs: (node, other) => bothTimed(node, other) && other.ordered, two: true, add: asOf },
];

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

/** Each left value with the newest right one before it. */
function asOf({ name, pick }: Workshop, node: Node, other: Node): Node[] {
  const own = name("asof");
  const keep = pick([30, 200]);
  const key = byN(3);
  const pair = (left: Value, right: Value | undefined): Value => ({
    id: `[${left.id}<${right?.id}]`,
    n: (left.n + (right?.n ?? 0)) % 997,
    t: 0,
  });
  const counts = (left: Row, right: Row): boolean =>
    key(left.value) === key(right.value) &&
    right.time <= left.time &&
    right.time >= (left.mark > left.time ? left.mark : left.time) - keep &&
    !(right.mark >= left.time);
  const rows = node.rows.map((left): Row => {
    const before = other.rows.filter((right) => counts(left, right));
    const newest = before.reduce<Row | undefined>(
      (best, right) => (best === undefined || right.time >= best.time ? right : best),
      undefined,
    );
    return { value: pair(left.value, newest?.value), time: 0, mark: Number.NaN };
  });
  const stream = node.stream.keyBy(key).asOfJoin(own, other.stream.keyBy(key), { keep }, pair).unkeyed();
  return [{ stream, rows, ordered: false, timed: false }];
}
