import type { Duration } from "../duration.js";
import type { Key, Origin } from "../element.js";
import { requireArgument } from "../errors.js";
import type { Batch, OperatorSpec } from "../stage.js";
import { type Content, orderByTime } from "./content.js";
import {
  checkMaxKeep,
  JOIN_NAMES,
  type JoinFunction,
  type JoinKind,
  type Pair,
  pairOrigin,
  tooManyKept,
} from "./pair.js";
import { shapeOf, type WindowSpec } from "./window.js";
import { clockOf, describe, stageMaker } from "./window-operator.js";
import { planFiring } from "./window-policy.js";

/** How long a join waits and how much it keeps. */
export interface JoinPolicy {
  readonly allowedLateness?: Duration;
  readonly maxKeep?: number;
}

/** The values of one side of a window, as they came. */
interface Side {
  readonly values: unknown[];
  readonly times: number[];
  readonly origins: (Origin | undefined)[];
}

type Sides = readonly [left: Side, right: Side];

/**
 * What both inputs have in the same window of the same key: each left value with each right one, in the order of their times, or once
 * both lists for a co-group; event time `end − 1`. A left join gives left values of a window without right ones with `undefined`, an outer
 * one also right ones. A late but allowed value gives everything of its window again.
 *
 * Throws `E_ARGUMENT` for count windows and options that can not be right; at run time `E_STATE_LIMIT` when a window has more than
 * `maxKeep` values of a key on one side.
 */
export function windowJoin(
  kind: JoinKind | "coGroup",
  name: string,
  spec: WindowSpec,
  fn: JoinFunction,
  policy: JoinPolicy,
): OperatorSpec {
  const method = JOIN_NAMES[kind];
  const what = `${method} "${name}"`;
  const shape = shapeOf(spec, what);
  requireArgument(
    shape.kind !== "count",
    `${what}: a join needs windows of time; values of two inputs have no common number`,
  );
  const plan = planFiring(
    policy.allowedLateness === undefined ? {} : { allowedLateness: policy.allowedLateness },
    shape,
    what,
  );
  const maxKeep = checkMaxKeep(policy.maxKeep, what);
  const base = { where: name, named: true, keyed: true, clock: clockOf(shape), plan, limit: limitOf(maxKeep, name) };
  return {
    ...describe(shape, plan, true),
    kind: method,
    name,
    make: (context) =>
      kind === "coGroup"
        ? stageMaker({ ...base, content: coGroup(fn), shape: "bare" }, shape, what)(context)
        : stageMaker(
            {
              ...base,
              content: pairs(kind, context.operator),
              shape: "spread",
              spread: ({ left, right }, key, window) => fn(left, right, { key: key as Key, window }),
            },
            shape,
            what,
          )(context),
  };
}

function limitOf(maxKeep: number, where: string): (accumulator: Sides, key: Key | undefined) => void {
  return ([left, right], key) => {
    if (left.values.length > maxKeep || right.values.length > maxKeep) throw tooManyKept(where, key, maxKeep);
  };
}

const emptySide = (): Side => ({ values: [], times: [], origins: [] });

const sides: Pick<Content<unknown, Sides, never>, "init" | "add" | "merge"> = {
  init: () => [emptySide(), emptySide()],
  add: (held, batch: Batch, place, time, input) => {
    const side = held[input] as Side;
    side.values.push(batch.values[place]);
    side.times.push(time);
    side.origins.push(batch.origins?.[place]);
    return held;
  },
  merge: (left, right) => {
    for (const [i, side] of left.entries()) {
      const other = right[i] as Side;
      for (const value of other.values) side.values.push(value);
      for (const time of other.times) side.times.push(time);
      for (const origin of other.origins) side.origins.push(origin);
    }
    return left;
  },
};

function coGroup(fn: JoinFunction): Content<unknown, Sides, unknown> {
  return {
    ...sides,
    merge: sides.merge as (left: Sides, right: Sides) => Sides,
    result: ([left, right], key, start, end) =>
      fn(sorted(left), sorted(right), { key: key as Key, window: { start, end } }),
  };
}

function pairs(kind: JoinKind, operator: string): Content<unknown, Sides, readonly Pair[]> {
  return {
    ...sides,
    merge: sides.merge as (left: Sides, right: Sides) => Sides,
    result: ([left, right], key) => {
      const lefts = orderByTime(left.times);
      const rights = orderByTime(right.times);
      const all: Pair[] = [];
      const add = (l: number | undefined, r: number | undefined): void => {
        const origin = pairOrigin(
          operator,
          key as Key,
          l === undefined ? undefined : left.origins[l],
          r === undefined ? undefined : right.origins[r],
        );
        all.push({
          left: l === undefined ? undefined : left.values[l],
          right: r === undefined ? undefined : right.values[r],
          origin,
        });
      };
      for (const l of lefts) {
        if (rights.length === 0 && kind !== "inner") add(l, undefined);
        for (const r of rights) add(l, r);
      }
      if (lefts.length === 0 && kind === "outer") for (const r of rights) add(undefined, r);
      return all;
    },
  };
}

function sorted({ values, times }: Side): unknown[] {
  return orderByTime(times).map((place) => values[place]);
}
