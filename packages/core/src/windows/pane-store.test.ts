import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Key } from "../element.js";
import { Batch, type StateChange } from "../stage.js";
import { jsonCodec } from "../state/codec.js";
import { aggregates } from "./aggregate.js";
import { ColumnPanes } from "./column-panes.js";
import { type Content, contentOf, type WindowContent } from "./content.js";
import { numericContent } from "./numeric-content.js";
import type { NumericContent } from "./numeric-parts.js";
import { ObjectPanes } from "./object-panes.js";
import type { PaneHost, PaneStore } from "./pane-store.js";

const by = aggregates<number>();
const described: WindowContent<number, unknown> = {
  kind: "aggregate",
  aggregates: {
    n: by.count(),
    sum: by.sum((x) => {
      if (x === 13) throw new Error("13");
      return x;
    }),
    high: by.max((x) => x),
  },
};
const content = contentOf(described, "w") as Content<number, unknown, unknown>;
const merge = content.merge as (left: unknown, right: unknown) => unknown;
const codec = jsonCodec<unknown>("w");
const decoder = new TextDecoder();
const SIZE = 4;

/** A store with what it has fired and what a checkpoint of it holds. */
class Subject {
  store: PaneStore<number, unknown>;
  fired: string[] = [];
  failed = 0;
  begun: (Key | undefined)[] = [];
  readonly saved = new Map<string, unknown>();
  readonly #make: (host: PaneHost<unknown>) => PaneStore<number, unknown>;
  #pending: StateChange[] = [];

  constructor(make: (host: PaneHost<unknown>) => PaneStore<number, unknown>) {
    this.#make = make;
    this.store = make(this.#host());
  }

  put(pane: number, from: number, key: string, value: number): void {
    const batch = new Batch([value], null, [key], null, null, undefined);
    const last = from === Number.NEGATIVE_INFINITY;
    const put = (): string =>
      last
        ? this.store.putRun(batch, 0, 1, pane, 0) === 1
          ? "added"
          : "unfit"
        : this.store.put(batch, 0, 0, pane, from, key, 0);
    if (put() !== "unfit") return;
    this.store = this.store.general();
    put();
  }

  fire(start: number): void {
    const window = { start, end: start + SIZE };
    if (this.store.fireAll(window, "onTime")) return;
    this.store = this.store.general();
    this.store.fireAll(window, "onTime");
  }

  snapshot(): void {
    this.#pending = this.store.changes();
  }

  commit(): void {
    for (const [key, value] of this.#pending) {
      if (value === undefined) this.saved.delete(decoder.decode(key));
      else this.saved.set(decoder.decode(key), codec.decode(value, codec.version));
    }
    this.#pending = [];
    this.store.committed();
  }

  restart(): void {
    this.#pending = [];
    this.store = this.#make(this.#host());
    for (const [name, state] of this.saved) {
      const [, pane, from, key] = name.split("|") as [string, string, string, string];
      const [accumulator, added] = state as [unknown, number];
      const part = [Number(pane), Number(from), key.slice(2), accumulator, added] as const;
      if (this.store.load(...part)) continue;
      this.store = this.store.general();
      this.store.load(...part);
    }
  }

  #host(): PaneHost<unknown> {
    let start = Number.NaN;
    const push = (key: Key | undefined, value: unknown, _timing: unknown, firing: number): void => {
      this.fired.push(JSON.stringify([start, key, value, firing]));
    };
    const of = (window: { readonly start: number }): void => {
      start = window.start;
    };
    return {
      keyOf: (batch, place) => batch.keys?.[place],
      timeOf: () => 0,
      fail: () => {
        this.failed++;
      },
      begin: (_piece, key) => {
        this.begun.push(key);
      },
      checkLimit: () => {},
      results: { of, push },
      fire: (accumulator, key, window, timing, firing) => {
        of(window);
        push(key, content.result(accumulator, key, window.start, window.end), timing, firing);
      },
      encode: (_stamp, state) => codec.encode(state),
    };
  }
}

const numbers = numericContent(described) as NumericContent<number>;
const columns = (): Subject => new Subject((host) => new ColumnPanes(numbers, content, merge, true, host));
const objects = (): Subject => new Subject((host) => new ObjectPanes(content, merge, host));

const key = fc.integer({ min: 0, max: 400 }).map((n) => `k${n}`);
const value = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: -50, max: 50 }) },
  { weight: 2, arbitrary: fc.constant(0.1) },
  { weight: 1, arbitrary: fc.constantFrom(13, 1e16, 1e-9) },
);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant("put" as const),
      pane: fc.integer({ min: 0, max: 5 }),
      back: fc.constantFrom(0, 0, 0, 0, 1, 2),
      key,
      value,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant("burst" as const),
      pane: fc.integer({ min: 0, max: 5 }),
      count: fc.integer({ min: 1, max: 300 }),
      offset: fc.integer({ min: 0, max: 300 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constantFrom("fire" as const, "free" as const, "snapshot" as const, "commit" as const, "restart" as const),
    }),
  },
);

describe("pane stores", () => {
  it("hold the same by numbers as by objects, wherever windows fire, panes are freed, state is saved, abandoned and restored", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pair = [columns(), objects()] as const;
        let base = 0;
        for (const at of steps) {
          for (const subject of pair) {
            if (at.op === "put")
              subject.put(
                base + at.pane,
                at.back === 0 ? Number.NEGATIVE_INFINITY : base + at.pane - SIZE + at.back + 1,
                at.key,
                at.value,
              );
            else if (at.op === "burst")
              for (let i = 0; i < at.count; i++)
                subject.put(base + at.pane, Number.NEGATIVE_INFINITY, `k${at.offset + i}`, i);
            else if (at.op === "fire") subject.fire(base);
            else if (at.op === "free") subject.store.free(base + 1);
            else if (at.op === "restart") subject.restart();
            else subject[at.op]();
          }
          if (at.op === "free") base++;
          const [left, right] = pair;
          expect([...left.fired].sort()).toEqual([...right.fired].sort());
          expect(left.failed).toBe(right.failed);
          expect(left.store.held()).toBe(right.store.held());
          expect(new Map([...left.saved].sort())).toEqual(new Map([...right.saved].sort()));
          const window = { start: base, end: base + SIZE };
          expect(left.store.keysIn(window)).toBe(right.store.keysIn(window));
          expect(left.store.has("k1", window)).toBe(right.store.has("k1", window));
          const [one, other] = pair.map(({ store }) => store.combine("k1", window));
          expect(one === undefined ? undefined : content.result(one.held, "k1", 0, 1)).toEqual(
            other === undefined ? undefined : content.result(other.held, "k1", 0, 1),
          );
          for (const subject of pair) subject.fired = [];
        }
      }),
      { numRuns: 300 },
    );
  });

  it("by numbers do not remember keys that do not come again", () => {
    const subject = columns();
    for (let pane = 0; pane < 100; pane++) {
      for (let i = 0; i < 200; i++) subject.put(pane, Number.NEGATIVE_INFINITY, `k${pane}-${i}`, 1);
      subject.store.free(pane);
    }
    subject.put(100, Number.NEGATIVE_INFINITY, "k0-0", 1);
    expect(subject.begun.filter((key) => key === "k0-0")).toHaveLength(2);
  });

  it("by numbers keep keys in use apart from those whose numbers are given away", () => {
    const subject = columns();
    subject.put(0, Number.NEGATIVE_INFINITY, "stays", 1);
    subject.put(99, Number.NEGATIVE_INFINITY, "stays", 2);
    for (let pane = 0; pane < 20; pane++) {
      for (let i = 0; i < 300; i++) subject.put(pane, Number.NEGATIVE_INFINITY, `k${pane}-${i}`, 1);
      subject.store.free(pane + 1);
    }
    for (let i = 0; i < 3_000; i++) subject.put(99, Number.NEGATIVE_INFINITY, `new${i}`, 1);
    subject.fire(99);
    expect(subject.fired).toHaveLength(3_001);
    expect(subject.fired).toContain(JSON.stringify([99, "stays", { n: 1, sum: 2, high: 2 }, 0]));
  });

  it("know what was saved when a pane of few keys becomes one of many, and when it grows", () => {
    for (const [before, after] of [
      [10, 60],
      [60, 2_000],
      [600, 3_000],
    ] as const) {
      const subject = columns();
      for (let i = 0; i < before; i++) subject.put(0, Number.NEGATIVE_INFINITY, `k${i}`, 1);
      subject.snapshot();
      subject.commit();
      for (let i = before; i < after; i++) subject.put(0, Number.NEGATIVE_INFINITY, `k${i}`, 1);
      subject.fire(0);
      expect(subject.fired).toHaveLength(after);
      subject.store.free(1);
      expect(subject.store.changes()).toHaveLength(before);
    }
  });

  it("save what an abandoned epoch held with the next one", () => {
    for (const subject of [columns(), objects()]) {
      subject.put(0, Number.NEGATIVE_INFINITY, "a", 1);
      subject.snapshot();
      subject.put(0, Number.NEGATIVE_INFINITY, "b", 1);
      subject.snapshot();
      subject.commit();
      expect(subject.saved.size).toBe(2);
    }
  });

  it("by numbers lose nothing when numbers that do not fit make objects of them", () => {
    const subject = columns();
    subject.put(0, Number.NEGATIVE_INFINITY, "gone", 1);
    subject.put(1, Number.NEGATIVE_INFINITY, "saved", 1);
    subject.snapshot();
    subject.commit();
    subject.store.free(1);
    subject.put(1, Number.NEGATIVE_INFINITY, "new", 1);
    subject.put(1, Number.NEGATIVE_INFINITY, "saved", 2);
    subject.put(1, -2, "new", 5);
    for (const value of [1e16, 1e-9, 1]) subject.put(1, Number.NEGATIVE_INFINITY, "far", value);
    expect(subject.store).toBeInstanceOf(ObjectPanes);
    subject.snapshot();
    subject.commit();
    subject.restart();
    expect(subject.saved.size).toBe(4);
    subject.fire(-2);
    expect(subject.fired.map((text) => JSON.parse(text)).sort()).toEqual([
      [-2, "far", { n: 3, sum: 1e16 + 2, high: 1e16 }, 0],
      [-2, "new", { n: 2, sum: 6, high: 5 }, 0],
      [-2, "saved", { n: 2, sum: 3, high: 2 }, 0],
    ]);
  });

  it("by numbers keep those that do", () => {
    const subject = columns();
    for (let pane = 0; pane < 100; pane++) {
      for (let i = 0; i < 200; i++) subject.put(pane, Number.NEGATIVE_INFINITY, `k${i}`, 1);
      subject.store.free(pane + 1);
    }
    expect(subject.begun).toHaveLength(200);
  });

  it("delete from the checkpoint what was saved, and nothing else", () => {
    for (const subject of [columns(), objects()]) {
      subject.put(0, Number.NEGATIVE_INFINITY, "saved", 1);
      subject.snapshot();
      subject.commit();
      subject.put(0, Number.NEGATIVE_INFINITY, "never", 1);
      subject.store.free(1);
      expect(subject.store.changes()).toHaveLength(1);
      expect(subject.store.changes()).toHaveLength(1);
      subject.store.committed();
      expect(subject.store.changes()).toHaveLength(0);
    }
  });
});
