import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Key } from "../element.js";
import {
  type Declaration,
  declarationOf,
  type ListState,
  listState,
  type MapState,
  mapState,
  type ValueState,
  valueState,
} from "./declarations.js";
import { ProcessStates } from "./process-states.js";
import type { TtlOptions } from "./ttl.js";

interface States {
  readonly value: ValueState<number>;
  readonly map: MapState<string, number>;
  readonly list: ListState<number>;
}

function setUp(ttl?: TtlOptions) {
  const options = ttl === undefined ? {} : { ttl };
  const declared = { value: valueState(options), map: mapState(options), list: listState(options) };
  const declarations = new Map(
    Object.entries(declared).map(([name, state]) => [name, declarationOf(state) as Declaration]),
  );
  const created: Key[] = [];
  const make = (): ProcessStates => {
    const made: ProcessStates = new ProcessStates("op", declarations, () => created.push(made.key));
    return made;
  };
  return { make, created };
}

const statesOf = (all: ProcessStates): States => all.states as unknown as States;
const at = (all: ProcessStates, key: Key, time: number, watermark = Number.NEGATIVE_INFINITY): States => {
  all.enter(key, time, watermark);
  return statesOf(all);
};

describe("ProcessStates", () => {
  it("keeps a value, a map and a list for each key", () => {
    const { make, created } = setUp();
    const all = make();
    const a = at(all, "a", 1);
    expect([a.value.get(), a.map.get("x"), a.list.values(), [...a.map.entries()]]).toEqual([
      undefined,
      undefined,
      [],
      [],
    ]);
    a.value.set(1);
    a.map.set("y", 2);
    a.map.set("x", 3);
    a.list.push(4);
    a.list.push(5);
    at(all, "b", 1).value.set(9);
    at(all, "a", 2);
    expect([a.value.get(), a.map.get("x"), a.list.values(), [...a.map.entries()]]).toEqual([
      1,
      3,
      [4, 5],
      [
        ["x", 3],
        ["y", 2],
      ],
    ]);
    expect(all.read("a", 0)).toEqual({
      value: 1,
      map: new Map([
        ["x", 3],
        ["y", 2],
      ]),
      list: [4, 5],
    });
    expect(all.read("c", 0)).toEqual({ value: undefined, map: new Map(), list: [] });
    a.value.clear();
    a.map.delete("x");
    a.map.delete("z");
    a.list.clear();
    expect([a.value.get(), [...a.map.entries()], a.list.values()]).toEqual([undefined, [["y", 2]], []]);
    expect(created).toEqual(["a", "a", "a", "a", "b"]);
  });

  it("never changes a list it gave away", () => {
    const all = setUp().make();
    const { list } = at(all, "a", 1);
    list.push(1);
    const given = list.values();
    list.push(2);
    list.push(3);
    expect([given, list.values()]).toEqual([[1], [1, 2, 3]]);
  });

  it("takes back what a failing call changed, and nothing else", () => {
    const op = fc.oneof(
      fc.tuple(fc.constantFrom("value.set", "list.push"), fc.integer()),
      fc.tuple(fc.constantFrom("map.set", "map.delete"), fc.constantFrom("x", "y")),
      fc.tuple(fc.constantFrom("value.clear", "list.clear", "list.values"), fc.constant(0)),
    );
    const call = fc.record({
      key: fc.constantFrom("a", "b"),
      ops: fc.array(op, { maxLength: 6, size: "max" }),
      fails: fc.boolean(),
    });
    const apply = (states: States, [what, arg]: readonly [string, unknown]): void => {
      if (what === "value.set") states.value.set(arg as number);
      else if (what === "list.push") states.list.push(arg as number);
      else if (what === "map.set") states.map.set(arg as string, 1);
      else if (what === "map.delete") states.map.delete(arg as string);
      else if (what === "value.clear") states.value.clear();
      else if (what === "list.clear") states.list.clear();
      else states.list.values();
    };
    fc.assert(
      fc.property(fc.array(call, { maxLength: 15, size: "max" }), (calls) => {
        const rolledBack = setUp().make();
        const without = setUp().make();
        for (const { key, ops, fails } of calls) {
          const states = at(rolledBack, key, 1);
          for (const each of ops) apply(states, each);
          if (fails) rolledBack.rollBack();
          else for (const each of ops) apply(at(without, key, 1), each);
          for (const each of ["a", "b"]) expect(rolledBack.read(each, 0)).toEqual(without.read(each, 0));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("restores each entry into its state, wherever it comes from", () => {
    const { make } = setUp();
    const all = make();
    for (const key of ["a", 1, "1"]) {
      const states = at(all, key, 1);
      states.value.set(1);
      states.map.set("2|x:", 2);
      states.map.set("s:", 3);
      states.list.push(4);
    }
    const entries = all.snapshot() as [Uint8Array, Uint8Array][];
    const next = make();
    next.restore([...entries].reverse());
    for (const key of ["a", 1, "1"]) expect(next.read(key, 0)).toEqual(all.read(key, 0));
    expect(next.snapshot()).toEqual([]);
    at(next, 1, 2).map.delete("s:");
    at(next, "a", 2).value.clear();
    expect(next.snapshot().map(([, value]) => value)).toEqual([undefined, undefined]);
    next.committed();
    expect(next.snapshot()).toEqual([]);
  });

  it("saves only the entries of a map that changed", () => {
    const all = setUp().make();
    const { map } = at(all, "a", 1);
    for (let i = 0; i < 100; i++) map.set(`k${i}`, i);
    all.snapshot();
    all.committed();
    map.set("k7", 70);
    expect(all.snapshot()).toHaveLength(1);
  });

  it("refuses entries of a state that is not declared any more", () => {
    const all = setUp().make();
    at(all, "a", 1).value.set(1);
    const less = new ProcessStates("op", new Map(), () => {});
    expect(() => less.restore(all.snapshot() as [Uint8Array, Uint8Array][])).toThrow(
      /E_STATE_UNKNOWN: the checkpoint has 1 entries of state "value" of "op"/,
    );
  });

  it("names operator and state in what can not be saved", () => {
    const all = setUp().make();
    expect(() => at(all, "a", 1).map.set("x", (() => 1) as never)).toThrow(
      /E_STATE_CODEC: state of "op.map" holds a function/,
    );
  });
});

describe("ProcessStates ttl", () => {
  it("forgets a value, an entry and a listed value each after its own time, swept or not", () => {
    for (const swept of [false, true]) {
      const all = setUp({ after: 10 }).make();
      const first = at(all, "a", 100);
      first.value.set(1);
      first.map.set("x", 1);
      first.list.push(1);
      const second = at(all, "a", 105);
      second.map.set("y", 2);
      second.list.push(2);
      if (swept) all.sweep(109);
      const seen = (time: number): unknown => {
        const { value, map, list } = at(all, "a", time);
        return [value.get(), [...map.entries()], map.get("x"), list.values()];
      };
      expect(seen(109)).toEqual([
        1,
        [
          ["x", 1],
          ["y", 2],
        ],
        1,
        [1, 2],
      ]);
      if (swept) all.sweep(110);
      expect(seen(110)).toEqual([undefined, [["y", 2]], undefined, [2]]);
      expect(all.read("a", 110)).toEqual({ value: undefined, map: new Map([["y", 2]]), list: [2] });
      if (swept) all.sweep(115);
      expect(seen(115)).toEqual([undefined, [], undefined, []]);
    }
  });

  it("frees everything, in snapshots and queries too", () => {
    const all = setUp({ after: 10 }).make();
    const states = at(all, "a", 100);
    states.value.set(1);
    states.map.set("x", 1);
    states.list.push(1);
    expect(all.snapshot()).toHaveLength(3);
    all.committed();
    all.sweep(110);
    expect(all.snapshot().map(([, value]) => value)).toEqual([undefined, undefined, undefined]);
    expect(all.read("a", 0)).toEqual({ value: undefined, map: new Map(), list: [] });
  });

  it("drops listed values behind the watermark when it pushes, so that a list does not grow for ever", () => {
    const all = setUp({ after: 10 }).make();
    for (let time = 0; time < 1_000; time++) at(all, "a", time, time - 1).list.push(time);
    all.snapshot();
    expect((all.read("a", Number.NEGATIVE_INFINITY) as { list: number[] }).list.length).toBeLessThanOrEqual(12);
  });

  it("lives on from reads where asked to, and only from the first write where asked to", () => {
    const read = setUp({ after: 10, from: "read" }).make();
    const states = at(read, "a", 100);
    states.value.set(1);
    states.list.push(1);
    at(read, "a", 108).list.values();
    statesOf(read).value.get();
    expect([at(read, "a", 117).value.get(), statesOf(read).list.values()]).toEqual([1, [1]]);
    expect([at(read, "a", 127).value.get(), statesOf(read).list.values()]).toEqual([undefined, []]);
    const created = setUp({ after: 10, from: "create" }).make();
    at(created, "a", 100).value.set(1);
    at(created, "a", 108).value.set(2);
    expect([at(created, "a", 109).value.get(), at(created, "a", 110).value.get()]).toEqual([2, undefined]);
  });
});
