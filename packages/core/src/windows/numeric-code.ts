import type { ComposedNumbers, NumericContent, NumericPart } from "./numeric-parts.js";

let written = 0;

/**
 * A record of numbers as generated code: what the composed functions do, in a few instructions a value instead of several calls. Each has
 * a source of its own (the number in it), because V8 keeps what it learns about calls by source. Numbers that do not fit into one
 * double are left to the composed functions. Throws an EvalError where code generation is disallowed.
 */
export function generateNumbers<T>(
  parts: readonly NumericPart<T>[],
  width: number,
  composed: ComposedNumbers<T>,
): NumericContent<T> {
  const make = new Function("parts", "composed", source(parts, width, ++written)) as (
    parts: readonly NumericPart<T>[],
    composed: ComposedNumbers<T>,
  ) => Pick<NumericContent<T>, "add" | "addUp" | "result">;
  return { ...composed, ...make(parts, composed) };
}

/** Names: `x2` the number of part 2, `t2` a new total of it, at `rows[at + …]`. Of what a user gave there are only names, as JSON strings. */
function source(parts: readonly NumericPart<never>[], width: number, number: number): string {
  const reading = parts.flatMap(({ read }, i) => (read === undefined ? [] : [i]));
  const lines = (texts: readonly string[]): string => texts.filter((text) => text !== "").join("\n    ");
  return `"use strict"; // ${number}
const read = new Float64Array(${parts.length});
${lines(reading.map((i) => `const f${i} = parts[${i}].read;`))}
return {
  add(rows, at, batch, place) {
    const value = batch.values[place], count = rows[at];
    ${lines(reading.map((i) => `const x${i} = f${i}(value);`))}
    if (count === 0) {
      ${lines(parts.map(({ fold, offset }, i) => first(fold.kind, offset, `x${i}`)))}
    } else {
      ${lines(parts.map(({ fold, offset }, i) => total(fold.kind, i, offset, `x${i}`)))}
      if (${parts.map(({ fold, offset }, i) => unfit(fold.kind, i, offset, `x${i}`)).join(" || ")}) {
        ${lines(reading.map((i) => `read[${i}] = x${i};`))}
        return composed.addRead(rows, at, read);
      }
      ${lines(parts.map(({ fold, offset }, i) => store(fold.kind, i, offset, `x${i}`)))}
    }
    rows[at] = count + 1;
    return true;
  },
  addUp(totals, from, slots, ids) {
    const rows = totals;
    for (let slot = 0, place = 0; slot < slots; slot++, place += ${width}) {
      const count = from[place];
      if (count === 0) continue;
      const at = (ids === undefined ? slot : ids[slot]) * ${width};
      if (rows[at] === 0) {
        ${lines(Array.from({ length: width }, (_, k) => `rows[at + ${k}] = from[place + ${k}];`))}
        continue;
      }
      ${lines(parts.map(({ fold, offset }, i) => read(fold.kind, i, offset)))}
      ${lines(parts.map(({ fold, offset }, i) => total(fold.kind, i, offset, `x${i}`)))}
      if (${parts.map(({ fold, offset }, i) => `${unfit(fold.kind, i, offset, `x${i}`)} || ${rest(fold.kind, offset)}`).join(" || ")}) {
        if (!composed.merge(rows, at, from, place)) return false;
        continue;
      }
      ${lines(parts.map(({ fold, offset }, i) => store(fold.kind, i, offset, `x${i}`)))}
      rows[at] += count;
    }
    return true;
  },
  result(rows, at) {
    return { ${parts.map(({ name, fold, offset }) => `${keyOf(name)}: ${result(fold.kind, offset)}`).join(", ")} };
  },
};
//# sourceURL=millrace-numbers-${number}.js`;
}

type Kind = NumericPart<never>["fold"]["kind"];

const isSum = (kind: Kind): boolean => kind === "sum" || kind === "average";

function first(kind: Kind, offset: number, x: string): string {
  if (kind === "count") return "";
  return isSum(kind)
    ? `rows[at + ${offset}] = 0 + ${x}; rows[at + ${offset + 1}] = 0;`
    : `rows[at + ${offset}] = ${x};`;
}

function read(kind: Kind, i: number, offset: number): string {
  return kind === "count" ? "" : `const x${i} = from[place + ${offset}];`;
}

function total(kind: Kind, i: number, offset: number, x: string): string {
  return isSum(kind) ? `const h${i} = rows[at + ${offset}], t${i} = h${i} + ${x}, b${i} = t${i} - h${i};` : "";
}

/** The total is in two doubles already, or the addition was rounded, or is not finite. */
function unfit(kind: Kind, i: number, offset: number, x: string): string {
  return isSum(kind) ? `rows[at + ${offset + 1}] !== 0 || h${i} - (t${i} - b${i}) + (${x} - b${i}) !== 0` : "false";
}

/** What is added is in two doubles. */
function rest(kind: Kind, offset: number): string {
  return isSum(kind) ? `from[place + ${offset + 1}] !== 0` : "false";
}

function store(kind: Kind, i: number, offset: number, x: string): string {
  if (kind === "count") return "";
  return `rows[at + ${offset}] = ${isSum(kind) ? `t${i}` : `Math.${kind}(rows[at + ${offset}], ${x})`};`;
}

function result(kind: Kind, offset: number): string {
  if (kind === "count") return "rows[at]";
  return kind === "average" ? `rows[at + ${offset}] / rows[at]` : `rows[at + ${offset}]`;
}

/** In an object literal `__proto__` would be the prototype. */
function keyOf(name: string): string {
  return name === "__proto__" ? '["__proto__"]' : JSON.stringify(name);
}
