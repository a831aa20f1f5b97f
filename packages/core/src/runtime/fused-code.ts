import { MAX_BATCH, type Step } from "../stage.js";
import { inChunks, type Loop, multiplies, OUTSIDE, type Tracking } from "./fused-pass.js";

let written = 0;

/**
 * A loop as generated code. Each has a source of its own (the number in it), because V8 keeps what it learns about calls by source:
 * closures made in one place share it, and are several times slower once many pipelines have run. The text holds nothing a user gave;
 * functions come in as parameters. Throws an EvalError where code generation is disallowed.
 */
export function generateLoop(steps: readonly Step[], tracking: Tracking): Loop {
  const make = new Function("steps", "inChunks", new LoopSource(steps, tracking).text(++written)) as LoopFactory;
  return make(steps, inChunks);
}

type LoopFactory = (steps: readonly Step[], chunks: typeof inChunks) => Loop;

/** Writes the source. Names: `f3` the function of step 3, `v1` the value at nesting level 1 (a flatMap nests), `i1` its place in `l1`. */
class LoopSource {
  readonly #steps: readonly Step[];
  readonly #tracking: Tracking;
  readonly #multiplies: boolean;
  readonly #keepsNewest: boolean;
  readonly #levels: number;

  constructor(steps: readonly Step[], tracking: Tracking) {
    this.#steps = steps;
    this.#tracking = tracking;
    this.#keepsNewest = steps.at(-1)?.kind === "newest";
    this.#multiplies = multiplies(steps) && !this.#keepsNewest;
    this.#levels = 1 + steps.filter(({ kind }) => kind === "flatMap").length;
  }

  text(number: number): string {
    return `"use strict"; // ${number}
${this.#parameters()}
return function loop(values, pass) {
  let s = ${OUTSIDE}, m = 0, start = 0, r;
  ${this.#locals()}
  const l0 = values;
  run: {
${this.#level(0, 0)}
  }
  ${this.#results()}
};
//# sourceURL=millrace-loop-${number}.js`;
  }

  /** The functions as constants of the enclosing function: V8 sees that they never change. */
  #parameters(): string {
    return this.#each((step, k) => {
      if (step.kind === "map") return `const f${k} = steps[${k}].fn, h${k} = steps[${k}].refuse;`;
      if (step.kind === "flatMap") return `const f${k} = steps[${k}].fn, h${k} = steps[${k}].iterate;`;
      return step.kind === "pass" || step.kind === "newest" ? "" : `const f${k} = steps[${k}].fn;`;
    });
  }

  /** Everything in local variables: one in a closure's context would cost an allocation for each number written. */
  #locals(): string {
    const room = this.#multiplies
      ? `Math.min(${MAX_BATCH}, 2 * values.length)`
      : this.#keepsNewest
        ? "1"
        : "values.length";
    const levels = Array.from({ length: this.#levels }, (_, level) => {
      const nested = level === 0 ? "" : `, l${level}, more${level}`;
      return `let i${level} = 0, v${level}${nested};`;
    });
    const state = this.#each((step, k) => {
      if (step.kind === "fold")
        return `const g${k} = steps[${k}].load(); let has${k} = g${k} !== undefined, a${k} = has${k} ? g${k}.state : undefined;`;
      return step.kind === "filter" || step.kind === "flatMap" ? `let c${k} = 0;` : "";
    });
    return [`let out = new Array(${room});`, this.#columns((name) => `let ${name} = [];`), ...levels, state].join(
      "\n  ",
    );
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
        return `s = ${k}; if (has${k}) a${k} = f${k}(a${k}, ${v}); else { a${k} = ${v}; has${k} = true; } ${v} = a${k};\n${this.#from(level, k + 1)}`;
      case "flatMap":
        return this.#flatMap(level, k);
      default:
        return this.#from(level, k + 1);
    }
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
    const room = this.#multiplies ? `if (m === ${MAX_BATCH}) { ${this.#leave()} }` : "";
    const only = this.#keepsNewest ? "m = 0;" : "";
    const children = Array.from({ length: this.#levels - 1 }, (_, each) => `n${each}[m] = i${each + 1};`);
    const columns = [this.#tracking.places ? "places[m] = i0;" : "", ...(this.#tracking.children ? children : [])];
    return `${room}${only}\n${columns.join(" ")}\nout[m++] = v${level};`;
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
      if (step.kind === "fold") return `if (has${k}) steps[${k}].save(a${k});`;
      return step.kind === "filter" || step.kind === "flatMap" ? `pass.left[${k}] += c${k}; c${k} = 0;` : "";
    });
    return `pass.out = out; pass.size = m; ${this.#columns((name, field) => `${field} = ${name};`)} ${state}`;
  }

  #reload(): string {
    return `out = pass.out; ${this.#columns((name, field) => `${name} = ${field};`)}`;
  }

  /** The columns that are kept: the name of the local variable and of the field of the pass. */
  #columns(text: (name: string, field: string) => string): string {
    const children = Array.from({ length: this.#levels - 1 }, (_, each) => text(`n${each}`, `pass.children[${each}]`));
    return [
      this.#tracking.places ? text("places", "pass.places") : "",
      ...(this.#tracking.children ? children : []),
    ].join(" ");
  }

  #each(text: (step: Step, k: number) => string): string {
    return this.#steps.map(text).join(" ");
  }
}
