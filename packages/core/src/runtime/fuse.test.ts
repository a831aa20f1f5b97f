import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchOf, originOf } from "../../test/stage-harness.js";
import { originId } from "../element.js";
import { filter } from "../operators/filter.js";
import { flatMap, flatten } from "../operators/flat-map.js";
import { fold } from "../operators/fold.js";
import { keyBy } from "../operators/key-by.js";
import { map } from "../operators/map.js";
import { newest } from "../operators/newest.js";
import { passThrough } from "../operators/pass-through.js";
import { reduce } from "../operators/reduce.js";
import { tap } from "../operators/tap.js";
import { type Batch, MAX_BATCH, type OperatorSpec, type StageContext } from "../stage.js";
import { type Fusable, type Fusion, fuse } from "./fuse.js";

const FUSIONS: readonly Fusion[] = ["generated", "closures"];

/** What a chain does, without an engine: stages that hand batches on, and what is seen of them from outside. */
class SmallChain {
  readonly links: Fusable[] = [];
  readonly results: unknown[] = [];
  readonly batchSizes: number[] = [];
  readonly failures: string[] = [];
  /** How many batches those below take; then they want no more. */
  wanted = Number.POSITIVE_INFINITY;
  failBelow: Error | undefined;

  constructor(specs: readonly OperatorSpec[], fusion: Fusion, policy: "skip" | "fail" = "skip") {
    specs.forEach((spec, place) => {
      const counters = { in: 0, out: 0, late: 0, latePartial: 0, skipped: 0, failed: 0 };
      const context = {
        operator: `${spec.kind}-${place}`,
        counters,
        watermark: () => 0,
        newKey: () => {},
        fail: (error: unknown, batch: Batch, index: number) => {
          if (policy === "fail") throw error;
          counters.failed++;
          const one = describeValue(batch, index);
          this.failures.push(`${place} ${String(error)} on ${one}`);
        },
      } as unknown as StageContext;
      const stage = spec.make(context);
      this.links.push({
        stage,
        context,
        counters,
        emit: (batch) => this.#emit(place, batch),
        onBatch: stage.onBatch.bind(stage),
      });
    });
    fuse(this.links, fusion);
  }

  send(batch: Batch): void {
    const first = this.links[0] as Fusable;
    first.counters.in += batch.values.length;
    first.onBatch(batch, first.emit, 0);
  }

  get counts(): readonly string[] {
    return this.links.map(
      ({ counters: { in: entered, out, failed } }) => `${entered} in, ${out} out, ${failed} failed`,
    );
  }

  #emit(place: number, batch: Batch): boolean {
    const link = this.links[place] as Fusable;
    link.counters.out += batch.values.length;
    const next = this.links[place + 1];
    if (next !== undefined) {
      next.counters.in += batch.values.length;
      next.onBatch(batch, next.emit, 0);
      return true;
    }
    if (this.failBelow !== undefined) throw this.failBelow;
    this.batchSizes.push(batch.values.length);
    for (let i = 0; i < batch.values.length; i++) this.results.push(describeValue(batch, i));
    return --this.wanted > 0;
  }
}

/** A value with all that stands beside it, as text. */
function describeValue({ values, times, keys, origins, marks, partition }: Batch, i: number): string {
  const origin = origins === null ? "no id" : originId(origins[i] as never);
  return `${JSON.stringify(values[i])} ${times?.[i]} ${String(keys?.[i])} ${origin} ${marks?.[i]} ${partition}`;
}

/** Operators over numbers, some of whose functions fail for some values. */
const OPERATORS: Readonly<Record<string, () => OperatorSpec>> = {
  map: () => map((n: number) => n * 2 + 1),
  failingMap: () => map((n: number) => (n % 5 === 0 ? refuse(n) : n - 3)),
  promisingMap: () => map((n: number) => (n % 11 === 0 ? Promise.resolve(n) : n + 1)),
  filter: () => filter((n: number) => n % 3 !== 0),
  failingFilter: () => filter((n: number) => (n % 7 === 0 ? refuse(n) : n > 2)),
  none: () => filter(() => false),
  tap: () => tap((n: number) => (n === 9 ? refuse(n) : undefined)),
  pass: () => passThrough(),
  arrays: () => flatMap((n: number) => Array.from({ length: Math.abs(n) % 4 }, (_, i) => n + i)),
  failingArrays: () => flatMap((n: number) => (n % 4 === 0 ? refuse(n) : [n, n + 1])),
  iterables: () => flatMap((n: number) => (n % 6 === 0 ? null : new Set([n, n + 7]))),
  generators: () =>
    flatMap(function* (n: number) {
      yield n;
      if (n % 5 === 1) refuse(n);
      yield n + 2;
    }),
  many: () => flatMap((n: number) => (n === 8 ? Array.from({ length: 1_500 }, (_, i) => i) : [n])),
  lists: () => map((n: number) => [n, n % 2]),
  fold: () => fold(100, (sum: number, n: number) => (n === 13 ? refuse(n) : sum + n), {}, false),
  reduce: () => reduce((left: number, right: number) => (right % 17 === 0 ? refuse(right) : left + right), {}, false),
  byKey: () => keyBy((n: number) => n % 2),
};

function refuse(n: number): never {
  throw new Error(`no ${n}`);
}

function specsOf(names: readonly string[]): OperatorSpec[] {
  return names.flatMap((name) =>
    name === "lists" ? [OPERATORS.lists?.(), flatten()] : [OPERATORS[name]?.()],
  ) as OperatorSpec[];
}

const beside = fc.record({ time: fc.boolean(), key: fc.boolean(), origin: fc.boolean(), mark: fc.boolean() });
const names = fc.array(fc.constantFrom(...Object.keys(OPERATORS)), { minLength: 1, maxLength: 7 });
const batches = fc.array(fc.array(fc.integer({ min: -20, max: 40 }), { minLength: 1, maxLength: 30 }), {
  maxLength: 4,
});

function batchesOf(
  values: readonly (readonly number[])[],
  columns: { readonly time: boolean; readonly key: boolean; readonly origin: boolean; readonly mark: boolean },
): Batch[] {
  let next = 0;
  return values.map((list) =>
    batchOf(
      list.map((value) => {
        const number = next++;
        return {
          value,
          ...(columns.time ? { time: number * 10 } : {}),
          ...(columns.key ? { key: `k${number % 3}` } : {}),
          ...(columns.origin ? { origin: originOf(number) } : {}),
          ...(columns.mark ? { mark: number } : {}),
        };
      }),
      "p",
    ),
  );
}

describe.each(FUSIONS)("steps as one loop (%s)", (fusion) => {
  it("do what the stages do one by one: results, columns, ids, failures, counts", () => {
    fc.assert(
      fc.property(names, batches, beside, (chosen, values, columns) => {
        const alone = new SmallChain(specsOf(chosen), "off");
        const fused = new SmallChain(specsOf(chosen), fusion);
        for (const batch of batchesOf(values, columns)) {
          alone.send(batch);
          fused.send(batch);
        }
        expect(fused.results).toEqual(alone.results);
        // One by one, an operator sees the whole batch before the next one does.
        expect([...fused.failures].sort()).toEqual([...alone.failures].sort());
        expect(fused.counts).toEqual(alone.counts);
      }),
      { numRuns: 600 },
    );
  });

  it("keep the newest: the same one at the end, however the batches above are cut", () => {
    fc.assert(
      fc.property(names, batches, beside, (chosen, values, columns) => {
        const alone = new SmallChain([...specsOf(chosen), newest()], "off");
        const fused = new SmallChain([...specsOf(chosen), newest(), map((n: number) => n)], fusion);
        for (const batch of batchesOf(values, columns)) {
          alone.send(batch);
          fused.send(batch);
        }
        expect(fused.results.at(-1)).toEqual(alone.results.at(-1));
        expect(fused.counts.slice(0, chosen.length)).toEqual(alone.counts.slice(0, chosen.length));
      }),
      { numRuns: 200 },
    );
  });

  it("emit at most MAX_BATCH at once, and what one value gives together where it fits", () => {
    const chain = new SmallChain(
      [flatMap((n: number) => Array.from({ length: n }, (_, i) => i)), map((n: number) => n)],
      fusion,
    );
    chain.send(batchOf([1_000, 30, 3_000].map((value, i) => ({ value, time: i }))));
    expect(chain.batchSizes).toEqual([1_000, 30, MAX_BATCH, MAX_BATCH, 3_000 - 2 * MAX_BATCH]);
  });

  it("stop inside of an endless iterable when nobody wants more, and close it", () => {
    let closed = 0;
    const endless = function* (): Generator<number> {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        closed++;
      }
    };
    const chain = new SmallChain([map((n: number) => n), flatMap(endless), flatMap((n: number) => [n, n])], fusion);
    chain.wanted = 2;
    chain.send(batchOf([{ value: 1 }, { value: 2 }]));
    expect([chain.batchSizes.length, closed]).toEqual([2, 1]);
  });

  it("fail as the operator at fault, and keep what was folded before", () => {
    const sum = fold(0, (left: number, right: number) => (right === 3 ? refuse(right) : left + right), {}, false);
    const chain = new SmallChain([map((n: number) => n), sum], fusion, "fail");
    chain.send(batchOf([{ value: 1 }]));
    expect(() => chain.send(batchOf([{ value: 2 }, { value: 3 }]))).toThrow("no 3");
    expect(chain.results).toHaveLength(1);
  });

  it("do not take what those below throw for a failure of their own", () => {
    const chain = new SmallChain(
      [flatMap((n: number) => Array.from({ length: n }, () => n)), map((n: number) => n)],
      fusion,
    );
    chain.failBelow = new Error("below");
    expect(() => chain.send(batchOf([{ value: 5_000 }]))).toThrow("below");
    expect(() => chain.send(batchOf([{ value: 1 }]))).toThrow("below");
    expect(chain.failures).toEqual([]);
  });

  it("leave the accumulator where a checkpoint finds it", () => {
    const chain = new SmallChain(
      [map((n: number) => n), fold(0, (left: number, right: number) => left + right, { name: "sum" }, false)],
      fusion,
    );
    chain.send(batchOf([{ value: 2 }, { value: 5 }]));
    const { stage } = chain.links[1] as Fusable;
    expect(stage.read?.("")).toBe(7);
    expect([...(stage.snapshot?.() ?? [])]).toHaveLength(1);
  });
});

it("the same functions get the same loop, with accumulators of their own", () => {
  const fn = (n: number): number => n + 1;
  const add = (left: number, right: number): number => left + right;
  const [one, other] = [1, 2].map(() => new SmallChain([map(fn), fold(0, add, {}, false)], "generated"));
  for (let i = 0; i < 3; i++) one?.send(batchOf([{ value: i }]));
  other?.send(batchOf([{ value: 10 }]));
  one?.send(batchOf([{ value: 100 }]));
  const numbers = (chain: SmallChain | undefined): number[] =>
    (chain?.results ?? []).map((text) => Number.parseInt(String(text), 10));
  expect([numbers(one), numbers(other)]).toEqual([[1, 3, 6, 107], [11]]);
});

it("each generated loop has a source of its own, so that pipelines do not share what V8 learns", () => {
  const Original = globalThis.Function;
  const sources: string[] = [];
  globalThis.Function = new Proxy(Original, {
    construct: (target, args: string[]) => {
      sources.push(args.at(-1) ?? "");
      return Reflect.construct(target, args);
    },
  });
  try {
    for (let i = 0; i < 3; i++) new SmallChain([map((n: number) => n)], "generated").send(batchOf([{ value: i }]));
  } finally {
    globalThis.Function = Original;
  }
  expect([sources.length, new Set(sources).size]).toEqual([3, 3]);
});

it("where code generation is disallowed, closures do the same", () => {
  const script = `
    import { from } from ${JSON.stringify(new URL("../index.ts", import.meta.url).href)};
    const values = await from([1, 2, 3, 4]).map((n) => n + 1).filter((n) => n % 2 === 0).flatMap((n) => [n, -n]).collect();
    let refused = false;
    try { new Function("return 1"); } catch { refused = true; }
    process.stdout.write(JSON.stringify({ values, refused }));
  `;
  const args = ["--disallow-code-generation-from-strings", "--import", "tsx", "--input-type=module", "--eval", script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual({ values: [2, -2, 4, -4], refused: true });
}, 30_000);
