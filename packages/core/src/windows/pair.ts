import { type Key, type Origin, originId } from "../element.js";
import { requireArgument, StreamError } from "../errors.js";
import { keyText } from "../state/codec.js";

/** Which results a join gives: only pairs; also left values without a match; also those of either side. */
export type JoinKind = "inner" | "left" | "outer";

/** Two values that meet, or one without a match. */
export interface Pair {
  readonly left: unknown;
  readonly right: unknown;
  readonly origin: Origin | undefined;
}

/** The method a kind of join is called by: for ids, drawings and errors. */
export const JOIN_NAMES: Readonly<Record<JoinKind | "coGroup", string>> = {
  inner: "join",
  left: "leftJoin",
  outer: "outerJoin",
  coGroup: "coGroup",
};

/** The id of what two values give together: both of theirs. Where values have none, neither has it. */
export function pairOrigin(
  operator: string,
  key: Key,
  left: Origin | undefined,
  right: Origin | undefined,
): Origin | undefined {
  if (left === undefined && right === undefined) return undefined;
  const offset = `${left === undefined ? "" : originId(left)}+${right === undefined ? "" : originId(right)}`;
  return { source: operator, partition: keyText(key), offset, index: "" };
}

/** The function of a join: both values, or lists of them for a co-group. */
export type JoinFunction = (
  left: unknown,
  right: unknown,
  context: { readonly key: Key; readonly window: { readonly start: number; readonly end: number } | undefined },
) => unknown;

/** Most values kept a side and key unless said otherwise. */
const DEFAULT_MAX_KEEP = 100_000;

/** The limit of values kept a side and key. Throws `E_ARGUMENT`. */
export function checkMaxKeep(maxKeep: number | undefined, what: string): number {
  const most = maxKeep ?? DEFAULT_MAX_KEEP;
  requireArgument(
    Number.isSafeInteger(most) && most >= 1,
    `${what}: maxKeep must be a whole number from 1; it is ${most}`,
  );
  return most;
}

/** The error of a join that would have to drop a value, and so lose results. */
export function tooManyKept(where: string, key: Key | undefined, maxKeep: number): StreamError {
  return new StreamError(
    "E_STATE_LIMIT",
    `"${where}" keeps more than maxKeep (${maxKeep}) values of one side for the key ${JSON.stringify(String(key))}: raise maxKeep, or take a shorter time`,
    { operator: where },
  );
}
