import type { Circle, Condition, Scalar, Test } from "./condition.js";
import type { FactReader, Facts } from "./facts.js";
import { factReader } from "./facts.js";
import { patternTest } from "./safe-pattern.js";

/** A condition as a function. May throw where a fact is hostile; the caller counts that as "no match". */
export type Predicate = (facts: Facts) => boolean;

/** Turns a rule's `when` into a function: the seam for other condition languages (JsonLogic, CEL). */
export interface ConditionCompiler<Source = unknown> {
  readonly name: string;
  compile(condition: Source): Predicate;
}

/** The condition trees of this package, compiled to closures. */
export const treeConditions: ConditionCompiler<Condition> = { name: "tree", compile: compileCondition };

/**
 * Compiles a condition once; the result holds no reference to it. It must have passed validation (as a part of a rule: `ruleSchema`),
 * which is what refuses unknown facts and dangerous patterns.
 *
 * @example
 * ```ts
 * import { compileCondition, type Facts } from "@millrace/scoring";
 * const isLarge = compileCondition({ fact: "event.payload.amount", op: "gt", value: 100 });
 * declare const facts: Facts;
 * isLarge(facts); // false where the event has no amount
 * ```
 */
export function compileCondition(condition: Condition): Predicate {
  if ("all" in condition) return conjunction(condition.all.map(compileCondition));
  if ("any" in condition) return disjunction(condition.any.map(compileCondition));
  if ("not" in condition) {
    const inner = compileCondition(condition.not);
    return (facts) => !inner(facts);
  }
  return compileTest(condition);
}

function conjunction(parts: readonly Predicate[]): Predicate {
  const [first, second] = parts;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (parts.length === 2) return (facts) => first(facts) && second(facts);
  return (facts) => parts.every((part) => part(facts));
}

function disjunction(parts: readonly Predicate[]): Predicate {
  const [first, second] = parts;
  if (first === undefined) return () => false;
  if (second === undefined) return first;
  if (parts.length === 2) return (facts) => first(facts) || second(facts);
  return (facts) => parts.some((part) => part(facts));
}

function compileTest(test: Test): Predicate {
  const read = factReader(test.fact);
  switch (test.op) {
    case "eq":
    case "ne":
      return equality(read, test.value, test.op === "eq");
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return comparison(read, test.op, test.value);
    case "in":
    case "nin":
      return membership(read, test.value, test.op === "in");
    case "exists":
      return (
        (wanted) => (facts: Facts) =>
          (read(facts) !== undefined) === wanted
      )(test.value);
    case "between":
      return range(read, test.value[0], test.value[1]);
    case "startsWith":
      return onText(
        read,
        (
          (start) => (text: string) =>
            text.startsWith(start)
        )(test.value),
      );
    case "regex":
      return onText(read, patternTest(test.value));
    case "within":
      return inCircle(read, test.value);
  }
}

function equality(read: FactReader, value: Scalar, wanted: boolean): Predicate {
  return (facts) => (read(facts) === value) === wanted;
}

function comparison(read: FactReader, op: "gt" | "gte" | "lt" | "lte", value: number): Predicate {
  const number = (facts: Facts): number => {
    const found = read(facts);
    return typeof found === "number" ? found : Number.NaN;
  };
  switch (op) {
    case "gt":
      return (facts) => number(facts) > value;
    case "gte":
      return (facts) => number(facts) >= value;
    case "lt":
      return (facts) => number(facts) < value;
    case "lte":
      return (facts) => number(facts) <= value;
  }
}

/** A list as fact is `in` when one of its elements is. A missing fact is neither `in` nor `nin`. */
function membership(read: FactReader, values: readonly Scalar[], wanted: boolean): Predicate {
  const set = new Set<unknown>(values);
  return (facts) => {
    const found = read(facts);
    if (found === undefined) return false;
    const member = Array.isArray(found) ? found.some((each) => set.has(each)) : set.has(found);
    return member === wanted;
  };
}

function range(read: FactReader, from: number, to: number): Predicate {
  return (facts) => {
    const found = read(facts);
    return typeof found === "number" && found >= from && found <= to;
  };
}

function onText(read: FactReader, test: (text: string) => boolean): Predicate {
  return (facts) => {
    const found = read(facts);
    return typeof found === "string" && test(found);
  };
}

const EARTH_RADIUS_KM = 6_371;
const RADIANS = Math.PI / 180;

function inCircle(read: FactReader, { lat, lon, km }: Circle): Predicate {
  const cosine = Math.cos(lat * RADIANS);
  return (facts) => {
    const place = read(facts) as { readonly lat?: unknown; readonly lon?: unknown } | null | undefined;
    if (typeof place !== "object" || place === null) return false;
    if (typeof place.lat !== "number" || typeof place.lon !== "number") return false;
    const halfLat = Math.sin(((place.lat - lat) * RADIANS) / 2);
    const halfLon = Math.sin(((place.lon - lon) * RADIANS) / 2);
    const chord = halfLat * halfLat + cosine * Math.cos(place.lat * RADIANS) * halfLon * halfLon;
    return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(chord))) <= km;
  };
}
