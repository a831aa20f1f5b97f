import { MAX_BATCH, type Step } from "../stage.js";
import { inChunks, type Loop, multiplies, OUTSIDE, type Tracking } from "./fused-pass.js";

let written = 0;

/**
 * A loop as generated code. Each has a source of its own (the number in it), because V8 keeps what it learns about calls by source:
 * closures made in one place share it, and are several times slower once many pipelines have run. The text holds nothing a user gave;
 * functions come in as parameters. Throws an EvalError where code generation is disallowed.
 */
export function generateLoop(steps: readonly Step[], tracking: Tracking): Loop {
  const functions = steps.map((step) => ("fn" in step ? step.fn : undefined));
  const first = functions.find((fn) => fn !== undefined);
  if (first === undefined) return writeLoop(steps, tracking);
  const known = loops.get(first) ?? [];
  const same = known.find((each) => isSame(each, steps, tracking));
  if (same !== undefined) return same.loop;
  const loop = writeLoop(steps, tracking);
  loops.set(first, [
    ...known.slice(1 - MOST_KNOWN),
    { kinds: steps.map(({ kind }) => kind), functions, tracking, loop },
  ]);
  return loop;
}

/** A loop that was written for these functions, in this order. */
interface Known {
  readonly kinds: readonly Step["kind"][];
  readonly functions: readonly unknown[];
  readonly tracking: Tracking;
  readonly loop: Loop;
}

/** By the first function. The same functions in the same order get the same loop, and with it what V8 has made of it in earlier runs. */
const loops = new WeakMap<object, readonly Known[]>();
/** So many loops that begin with the same function are kept. */
const MOST_KNOWN = 8;

function isSame(known: Known, steps: readonly Step[], { places, children }: Tracking): boolean {
  return (
    known.tracking.places === places &&
    known.tracking.children === children &&
    known.kinds.length === steps.length &&
    steps.every(
      (step, k) => step.kind === known.kinds[k] && ("fn" in step ? step.fn : undefined) === known.functions[k],
    )
  );
}

function writeLoop(steps: readonly Step[], tracking: Tracking): Loop {
  const make = new Function("steps", "inChunks", sourceOf(steps, tracking, ++written)) as LoopFactory;
  return make(steps, inChunks);
}

/**
 * With folds there are two loops, chosen for each batch: one for accumulators that are numbers. In it they are numbers from the start,
 * so V8 keeps them in a register; one that may be anything would be allocated anew for each value.
 */
function sourceOf(steps: readonly Step[], tracking: Tracking, number: number): string {
  const folds = [...steps.keys()].filter((k) => steps[k]?.kind === "fold");
  const held = folds.map((k) => `g${k}`).join(", ");
  const choice = `return function choose(values, pass) {
  const ${folds.map((k) => `g${k} = pass.steps[${k}].load()`).join(", ")};
  const numbers = ${folds.map((k) => `g${k} !== undefined && typeof g${k}.state === "number"`).join(" && ")};
  if (numbers) ofNumbers(values, pass, ${held}); else loop(values, pass, ${held});
};`;
  return `"use strict"; // ${number}
${new LoopSource(steps, tracking, false).text("loop")}
${folds.length === 0 ? "return loop;" : `${new LoopSource(steps, tracking, true).text("ofNumbers")}\n${choice}`}
//# sourceURL=millrace-loop-${number}.js`;
}

type LoopFactory = (steps: readonly Step[], chunks: typeof inChunks) => Loop;

/** Writes the source. Names: `f3` the function of step 3, `v1` the value at nesting level 1 (a flatMap nests), `i1` its place in `l1`. */
class LoopSource {
  readonly #steps: readonly Step[];
  readonly #tracking: Tracking;
  readonly #multiplies: boolean;
  readonly #keepsNewest: boolean;
  readonly #levels: number;
  /** Every accumulator is a number and there already. */
  readonly #ofNumbers: boolean;

  constructor(steps: readonly Step[], tracking: Tracking, ofNumbers: boolean) {
    this.#steps = steps;
    this.#tracking = tracking;
    this.#ofNumbers = ofNumbers;
    this.#keepsNewest = steps.at(-1)?.kind === "newest";
    this.#multiplies = multiplies(steps) && !this.#keepsNewest;
    this.#levels = 1 + steps.filter(({ kind }) => kind === "flatMap").length;
  }

  /** A function of that name. */
  text(name: string): string {
    const held = this.#each((step, k) => (step.kind === "fold" ? `, g${k}` : ""));
    return `${this.#functions(name)}
function ${name}(values, pass${held}) {
  let s = ${OUTSIDE}, m = 0, start = 0, r;
  ${this.#locals()}
  const l0 = values;
  run: {
${this.#level(0, 0)}
  }
  ${this.#results()}
}`;
  }

  /** The functions of the steps as constants of the enclosing function: V8 sees that they never change. */
  #functions(name: string): string {
    if (this.#ofNumbers) return `// ${name}: the functions are there already`;
    return this.#each((step, k) => {
      if (step.kind === "map") return `const f${k} = steps[${k}].fn, h${k} = steps[${k}].refuse;`;
      if (step.kind === "flatMap") return `const f${k} = steps[${k}].fn, h${k} = steps[${k}].iterate;`;
      return step.kind === "pass" || step.kind === "newest" ? "" : `const f${k} = steps[${k}].fn;`;
    });
  }

  /** Everything in local variables: one in a closure's context would cost an allocation for each number written. */
  #locals(): string {
    const room = this.#multiplies ? `Math.min(${MAX_BATCH}, 2 * values.length)` : "values.length";
    // Begun with a number: a variable that may also be undefined would make V8 allocate each number put into it.
    const results = this.#keepsNewest
      ? `let newest = 0; ${this.#path((place) => `let ${place} = 0;`)}`
      : `let out = new Array(${room}); ${this.#columns((name) => `let ${name} = [];`)}`;
    const levels = Array.from({ length: this.#levels }, (_, level) => {
      const nested = level === 0 ? "" : `, l${level}, more${level}`;
      return `let i${level} = 0, v${level}${nested};`;
    });
    const state = this.#each((step, k) => {
      if (step.kind === "fold" && this.#ofNumbers) return `let a${k} = +g${k}.state;`;
      if (step.kind === "fold") return `let has${k} = g${k} !== undefined, a${k} = has${k} ? g${k}.state : undefined;`;
      return step.kind === "filter" || step.kind === "flatMap" ? `let c${k} = 0;` : "";
    });
    return [results, ...levels, state].join("\n  ");
  }

  /** A loop over `l<level>` with the steps from the `k`-th on, up to the next flatMap. The try stands outside of the loop. */
  #level(level: number, k: number): string {
    const path = Array.from({ length: level + 1 }, (_, each) => `i${each}`).join(", ");
    return `for (;;) {
  try {
    for (; i${level} < l${level}.length; i${level}++) {
      v${level} = l${level}[i${level}];
      ${level === 0 && this.#multiplies ? "start = m;" : ""}
${this.#from(level, k)}
    }
    break;
  } catch (error) {
    if (s === ${OUTSIDE}) throw error;
    const at = s;
    s = ${OUTSIDE};
    pass.failed(error, at, v${level}, [${path}]);
    i${level}++;
  }
}`;
  }

  #from(level: number, k: number): string {
    const step = this.#steps[k];
    const v = `v${level}`;
    if (step === undefined) return this.#push(level);
    switch (step.kind) {
      case "map":
        return `s = ${k}; r = f${k}(${v}); if (typeof r === "object" && r instanceof Promise) throw h${k}(r); ${v} = r;\n${this.#from(level, k + 1)}`;
      case "filter":
        return `s = ${k}; if (!f${k}(${v})) continue; c${k}++;\n${this.#from(level, k + 1)}`;
      case "tap":
        return `s = ${k}; f${k}(${v});\n${this.#from(level, k + 1)}`;
      case "fold":
        return `s = ${k}; ${this.#fold(k, v)} ${v} = a${k};\n${this.#from(level, k + 1)}`;
      case "flatMap":
        return this.#flatMap(level, k);
      default:
        return this.#from(level, k + 1);
    }
  }

  #fold(k: number, v: string): string {
    const next = `a${k} = f${k}(a${k}, ${v});`;
    return this.#ofNumbers ? next : `if (has${k}) ${next} else { a${k} = ${v}; has${k} = true; }`;
  }

  /** An array is looped over as it is; anything else in arrays, so that one that fails half way has given nothing. */
  #flatMap(level: number, k: number): string {
    const inner = level + 1;
    const list = `l${inner}`;
    const more = `more${inner}`;
    return `s = ${k}; r = f${k}(v${level});
if (Array.isArray(r)) { ${list} = r; ${more} = null; }
else { ${more} = inChunks(h${k}(r), ${MAX_BATCH}); ${list} = ${more}.next().value; if (${list} === null) continue; }
try {
  for (;;) {
    i${inner} = 0;
    c${k} += ${list}.length;
${this.#level(inner, k + 1)}
    if (${more} === null) break;
    s = ${k};
    ${list} = ${more}.next().value;
    if (${list} === null) break;
  }
} finally {
  ${this.#close(more, k)}
}`;
  }

  /** An iterable that was left half way is told so. What it throws then must not hide what was thrown before. */
  #close(more: string, k: number): string {
    return `if (${more} !== null) {
    if (s !== ${OUTSIDE}) { s = ${k}; ${more}.return(null); }
    else try { ${more}.return(null); } catch {}
  }`;
  }

  #push(level: number): string {
    if (this.#keepsNewest) return `newest = v${level}; m = 1; ${this.#path((place, each) => `${place} = i${each};`)}`;
    const room = this.#multiplies ? `if (m === ${MAX_BATCH}) { ${this.#leave()} }` : "";
    const children = Array.from({ length: this.#levels - 1 }, (_, each) => `n${each}[m] = i${each + 1};`);
    const columns = [this.#tracking.places ? "places[m] = i0;" : "", ...(this.#tracking.children ? children : [])];
    return `${room}\n${columns.join(" ")}\nout[m++] = v${level};`;
  }

  /** The array is full: what was emitted makes room. Nobody wants more: all nested iterables are closed on the way out. */
  #leave(): string {
    const lastFlatMap = this.#steps.findLastIndex(({ kind }) => kind === "flatMap");
    return `s = ${OUTSIDE}; ${this.#results()} m = pass.leave(start);
if (m < 0) { m = 0; s = ${lastFlatMap}; break run; }
start = 0; ${this.#reload()}`;
  }

  /** Hands the local variables over. */
  #results(): string {
    const state = this.#each((step, k) => {
      if (step.kind === "fold") return `${this.#ofNumbers ? "" : `if (has${k}) `}pass.steps[${k}].save(a${k});`;
      return step.kind === "filter" || step.kind === "flatMap" ? `pass.left[${k}] += c${k}; c${k} = 0;` : "";
    });
    const columns = this.#columns((name, field) => `${field} = ${name};`);
    const newest = this.#columns((_, field, each) => `${field} = [p${each}];`);
    const out = this.#keepsNewest ? `pass.out = m === 0 ? [] : [newest]; ${newest}` : `pass.out = out; ${columns}`;
    return `${out} pass.size = m; ${state}`;
  }

  #reload(): string {
    return `out = pass.out; ${this.#columns((name, field) => `${name} = ${field};`)}`;
  }

  /** Where the newest result comes from. */
  #path(text: (place: string, each: number) => string): string {
    return this.#columns((_name, _field, each) => text(`p${each}`, each));
  }

  /** The columns that are kept: the local variable, the field of the pass, and at which level it is counted. */
  #columns(text: (name: string, field: string, level: number) => string): string {
    const children = Array.from({ length: this.#levels - 1 }, (_, each) =>
      text(`n${each}`, `pass.children[${each}]`, each + 1),
    );
    return [
      this.#tracking.places ? text("places", "pass.places", 0) : "",
      ...(this.#tracking.children ? children : []),
    ].join(" ");
  }

  #each(text: (step: Step, k: number) => string): string {
    return this.#steps.map(text).join(" ");
  }
}
