import { MAX_BATCH, type Step } from "../stage.js";
import { inChunks, type Loop, multiplies, OUTSIDE, type Pass, type Tracking } from "./fused-pass.js";

/** A loop as closures, each of which calls the next: what stays where code generation is disallowed. */
export function composeLoop(steps: readonly Step[], tracking: Tracking): Loop {
  const composed = new ComposedLoop(steps, tracking);
  return (values, pass) => composed.run(values, pass);
}

/** Does its step to one value and gives the result to the next; false: nobody wants more. */
type Next = (value: unknown) => boolean;
type Apply = (value: unknown) => unknown;

/** What is between the closures: which step is running on which value, and where that is. */
class ComposedLoop {
  readonly #steps: readonly Step[];
  readonly #tracking: Tracking;
  readonly #multiplies: boolean;
  readonly #keepsNewest: boolean;
  readonly #first: Next;
  /** What each fold holds. */
  readonly #held: ({ state: unknown } | undefined)[];
  #pass: Pass | undefined;
  #step = OUTSIDE;
  #value: unknown;
  /** The place in the batch, then in the output of each flatMap above. */
  readonly #path: number[] = [];
  /** Where the results of the current value of the batch begin. */
  #start = 0;

  constructor(steps: readonly Step[], tracking: Tracking) {
    this.#steps = steps;
    this.#tracking = tracking;
    this.#keepsNewest = steps.at(-1)?.kind === "newest";
    this.#multiplies = multiplies(steps) && !this.#keepsNewest;
    this.#held = steps.map(() => undefined);
    this.#first = this.#compose(0, 0);
  }

  run(values: readonly unknown[], pass: Pass): void {
    this.#pass = pass;
    this.#step = OUTSIDE;
    pass.out = [];
    pass.size = 0;
    this.#steps.forEach((step, k) => {
      if (step.kind !== "fold") return;
      const held = step.load();
      this.#held[k] = held === undefined ? undefined : { state: held.state };
    });
    this.#through(values, 0, this.#first);
    this.#save();
  }

  /** All values of a list, at a nesting level; false: nobody wants more. */
  #through(values: readonly unknown[], level: number, next: Next): boolean {
    const pass = this.#pass as Pass;
    let i = 0;
    for (;;) {
      try {
        for (; i < values.length; i++) {
          this.#path[level] = i;
          if (level === 0) this.#start = pass.size;
          if (!next(values[i])) return false;
        }
        return true;
      } catch (error) {
        const step = this.#step;
        if (step === OUTSIDE) throw error;
        this.#step = OUTSIDE;
        pass.failed(error, step, this.#value, this.#path.slice(0, level + 1));
        i++;
      }
    }
  }

  #compose(k: number, level: number): Next {
    const step = this.#steps[k];
    if (step === undefined) return (value) => this.#push(value, level);
    const next = this.#compose(k + 1, step.kind === "flatMap" ? level + 1 : level);
    switch (step.kind) {
      case "map":
        return this.#map(k, step.fn as Apply, step.refuse, next);
      case "filter":
        return (value) => {
          this.#enter(k, value);
          if (!(step.fn as Apply)(value)) return true;
          this.#count(k, 1);
          return next(value);
        };
      case "tap":
        return (value) => {
          this.#enter(k, value);
          (step.fn as Apply)(value);
          return next(value);
        };
      case "fold":
        return this.#fold(k, step.fn as (accumulator: unknown, value: unknown) => unknown, next);
      case "flatMap":
        return this.#flatMap(k, step.fn as Apply, step.iterate, level, next);
      default:
        return next;
    }
  }

  #map(k: number, fn: Apply, refuse: (result: Promise<unknown>) => Error, next: Next): Next {
    return (value) => {
      this.#enter(k, value);
      const result = fn(value);
      if (typeof result === "object" && result instanceof Promise) throw refuse(result);
      return next(result);
    };
  }

  #fold(k: number, fn: (accumulator: unknown, value: unknown) => unknown, next: Next): Next {
    return (value) => {
      this.#enter(k, value);
      const held = this.#held[k];
      const state = held === undefined ? value : fn(held.state, value);
      if (held === undefined) this.#held[k] = { state };
      else held.state = state;
      return next(state);
    };
  }

  /** An array is looped over as it is; anything else in arrays, so that one that fails half way has given nothing. */
  #flatMap(k: number, fn: Apply, iterate: (result: unknown) => Iterable<unknown>, level: number, next: Next): Next {
    return (value) => {
      this.#enter(k, value);
      const result = fn(value);
      if (Array.isArray(result)) {
        this.#count(k, result.length);
        return this.#through(result, level + 1, next);
      }
      for (const list of inChunks(iterate(result), MAX_BATCH)) {
        this.#count(k, list.length);
        if (!this.#through(list, level + 1, next)) return false;
        this.#enter(k, value);
      }
      return true;
    };
  }

  #enter(k: number, value: unknown): void {
    this.#step = k;
    this.#value = value;
  }

  #count(k: number, count: number): void {
    const { left } = this.#pass as Pass;
    left[k] = (left[k] ?? 0) + count;
  }

  #push(value: unknown, level: number): boolean {
    const pass = this.#pass as Pass;
    if (this.#multiplies && pass.size === MAX_BATCH) {
      const step = this.#step;
      this.#step = OUTSIDE;
      this.#save();
      const kept = pass.leave(this.#start);
      if (kept < 0) pass.size = 0;
      this.#step = step;
      if (kept < 0) return false;
      pass.size = kept;
      this.#start = 0;
    }
    if (this.#keepsNewest) pass.size = 0;
    const { places, children } = this.#tracking;
    if (places) pass.places[pass.size] = this.#path[0] as number;
    if (children)
      for (let each = 0; each < level; each++)
        (pass.children[each] as number[])[pass.size] = this.#path[each + 1] as number;
    pass.out[pass.size++] = value;
    return true;
  }

  #save(): void {
    this.#steps.forEach((step, k) => {
      const held = this.#held[k];
      if (step.kind === "fold" && held !== undefined) step.save(held.state);
    });
  }
}
