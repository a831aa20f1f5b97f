import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StreamError } from "../errors.js";
import type { StateChange } from "../stage.js";
import { type Codec, encodeKey } from "./codec.js";
import { KeyedState } from "./keyed-state.js";
import { planTtl } from "./ttl.js";

/** What a checkpoint store keeps: the last value of each key. */
class Store {
  readonly entries = new Map<string, readonly [Uint8Array, Uint8Array]>();

  apply(changes: readonly StateChange[]): void {
    for (const [key, value] of changes) {
      const id = Buffer.from(key).toString("hex");
      if (value === undefined) this.entries.delete(id);
      else this.entries.set(id, [key, value]);
    }
  }
}

const write = <S>(state: KeyedState<S>, key: string, value: S, at = Number.NaN): boolean =>
  state.write(key, state.find(key, at), value, at);

describe("KeyedState", () => {
  it("gives back what was written, under keys that differ by type too", () => {
    const state = new KeyedState<string>({ where: "s" });
    const keys = [1, "1", 1n, true, "true", Number.NaN];
    keys.forEach((key, i) => {
      expect(state.write(key, state.find(key, 0), `v${i}`, 0)).toBe(true);
    });
    expect(keys.map((key) => state.find(key, 0)?.state)).toEqual(keys.map((_, i) => `v${i}`));
    state.delete("1");
    expect([state.find("1", 0), state.find(1, 0)?.state, state.size]).toEqual([undefined, "v0", 5]);
  });

  it("survives crash and abandoned epochs: the store holds what the last committed snapshot saw", () => {
    const op = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant("write" as const), fc.constantFrom("a", "b", "c"), fc.integer()) },
      { weight: 4, arbitrary: fc.tuple(fc.constant("delete" as const), fc.constantFrom("a", "b", "c")) },
      { weight: 2, arbitrary: fc.tuple(fc.constantFrom("commit" as const, "abandon" as const, "crash" as const)) },
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60, size: "max" }), (ops) => {
        const store = new Store();
        let state = new KeyedState<number>({ where: "s" });
        let model = new Map<string, number>();
        let committed = new Map<string, number>();
        for (const [what, key, value] of ops) {
          if (what === "write") {
            write(state, key as string, value as number);
            model.set(key as string, value as number);
          } else if (what === "delete") {
            state.delete(key as string);
            model.delete(key as string);
          } else if (what === "commit") {
            store.apply(state.snapshot());
            state.committed();
            committed = new Map(model);
          } else if (what === "abandon") {
            state.snapshot();
          } else {
            state = new KeyedState<number>({ where: "s" });
            state.restore(store.entries.values());
            model = new Map(committed);
          }
          expect(new Map([...state.cells()].map(([k, cell]) => [k, cell.state]))).toEqual(model);
        }
        store.apply(state.snapshot());
        expect(store.entries.size).toBe(model.size);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps no trace of keys that came and went between two snapshots", () => {
    const state = new KeyedState<number>({ where: "s", ttl: planTtl(10, "s") });
    for (let i = 0; i < 100; i++) {
      write(state, `k${i}`, i, i * 100);
      state.sweep(i * 100 + 50);
    }
    expect(state.size).toBe(0);
    expect(state.snapshot()).toEqual([]);
  });

  it("writes a header that never changes: layout, codec version, stamp", () => {
    const state = new KeyedState<{ n: number }>({ where: "s" });
    write(state, "k", { n: 1 }, 1_000);
    const [[key, value] = []] = state.snapshot();
    expect(key).toEqual(encodeKey("k"));
    expect(Buffer.from(value as Uint8Array).toString("hex")).toBe(
      `0100000001408f400000000000${Buffer.from('{"n":1}').toString("hex")}`,
    );
  });
});

describe("KeyedState ttl", () => {
  const withTtl = (from: "write" | "create" | "read") =>
    new KeyedState<string>({ where: "s", ttl: planTtl({ after: 10, from }, "s") });

  it("expires at exactly `after` behind the stamp, by the reader's own time, swept or not", () => {
    for (const swept of [false, true]) {
      const state = withTtl("write");
      write(state, "k", "v", 100);
      if (swept) state.sweep(109);
      expect(state.find("k", 109)?.state).toBe("v");
      if (swept) state.sweep(110);
      expect(state.find("k", 110)).toBeUndefined();
      expect(state.size).toBe(swept ? 0 : 1);
    }
  });

  it("is still there for a value of an earlier time after a later one saw it expired", () => {
    const state = withTtl("write");
    write(state, "k", "v", 100);
    expect(state.find("k", 200)).toBeUndefined();
    expect(state.find("k", 105)?.state).toBe("v");
  });

  it("counts from the latest write, in whatever order they came", () => {
    const state = withTtl("write");
    write(state, "k", "a", 100);
    write(state, "k", "b", 105);
    write(state, "k", "c", 102);
    expect(state.find("k", 114)?.state).toBe("c");
    expect(state.find("k", 115)).toBeUndefined();
  });

  it("counts from the creation, or from a read, where asked to", () => {
    const created = withTtl("create");
    write(created, "k", "a", 100);
    write(created, "k", "b", 108);
    expect(created.find("k", 110)).toBeUndefined();
    const read = withTtl("read");
    write(read, "k", "a", 100);
    read.find("k", 108);
    read.peek("k", 117);
    expect(read.find("k", 117)?.state).toBe("a");
    expect(read.find("k", 127)).toBeUndefined();
  });

  it("begins a new life over an expired one, and saves the end of both", () => {
    const state = withTtl("write");
    write(state, "k", "a", 100);
    expect(write(state, "k", "b", 200)).toBe(false);
    expect(state.find("k", 205)?.state).toBe("b");
    const store = new Store();
    store.apply(state.snapshot());
    state.committed();
    state.sweep(209);
    expect(state.size).toBe(1);
    state.sweep(210);
    store.apply(state.snapshot());
    expect([state.size, store.entries.size]).toEqual([0, 0]);
  });

  it("frees everything in the end, however keys are forgotten and written again", () => {
    const op = fc.tuple(
      fc.constantFrom("write", "delete", "sweep"),
      fc.constantFrom("a", "b"),
      fc.integer({ min: 0, max: 30 }),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 50, size: "max" }), (ops) => {
        const expired: string[] = [];
        const state = new KeyedState<number>({
          where: "s",
          ttl: planTtl(10, "s"),
          expired: (key) => expired.push(key as string),
        });
        const live = new Set<string>();
        for (const [what, key, at] of ops) {
          if (what === "write") {
            write(state, key, at, at);
            live.add(key);
          } else if (what === "delete") {
            state.delete(key);
            live.delete(key);
          } else {
            state.sweep(at);
            for (const gone of expired.splice(0)) expect(live.delete(gone)).toBe(true);
          }
          expect(new Set([...state.cells()].map(([k]) => k))).toEqual(live);
        }
        state.sweep(40);
        expect(state.size).toBe(0);
      }),
    );
  });

  it("restores stamps, and a ttl added later begins at the first watermark for what has none", () => {
    const plain = new KeyedState<string>({ where: "s" });
    write(plain, "timed", "a", 100);
    write(plain, "untimed", "b");
    const state = withTtl("write");
    state.restore(plain.snapshot() as [Uint8Array, Uint8Array][]);
    expect(state.find("timed", 110)).toBeUndefined();
    expect(state.find("untimed", 1_000_000)?.state).toBe("b");
    state.sweep(200);
    expect([...state.cells()].map(([key]) => key)).toEqual(["untimed"]);
    expect(state.find("untimed", 210)).toBeUndefined();
    state.sweep(210);
    expect(state.size).toBe(0);
  });

  it("sweeps a bounded number of keys at a time", () => {
    const state = withTtl("write");
    for (let i = 0; i < 10_001; i++) write(state, `k${i}`, "v", 0);
    state.sweep(10);
    expect(state.size).toBe(1);
    state.sweep(10);
    expect(state.size).toBe(0);
  });
});

describe("KeyedState codecs", () => {
  it("refuses at the first write what can not be saved, with the operator's name", () => {
    class Score {}
    const named = new KeyedState<unknown>({ where: "score" });
    expect(() => write(named, "k", new Score())).toThrow(/E_STATE_CODEC: state of "score" holds an instance of Score/);
    expect(() => write(named, "k", { fn: () => 1 })).toThrow(/a function at fn/);
    const unnamed = new KeyedState<unknown>({ where: "fold", named: false });
    expect(write(unnamed, "k", new Score())).toBe(true);
  });

  it("hands the codec the version that wrote the bytes, and refuses a newer one", () => {
    const v1: Codec<number> = {
      version: 1,
      encode: (n) => Buffer.from(String(n)),
      decode: (bytes) => Number(Buffer.from(bytes).toString()),
    };
    const v2: Codec<{ n: number }> = {
      version: 2,
      encode: ({ n }) => Buffer.from(`n=${n}`),
      decode: (bytes, version) => ({
        n: Number(
          Buffer.from(bytes)
            .toString()
            .slice(version === 1 ? 0 : 2),
        ),
      }),
    };
    const old = new KeyedState<number>({ where: "s", codec: v1 });
    write(old, "k", 7);
    const entries = old.snapshot() as [Uint8Array, Uint8Array][];
    const next = new KeyedState<{ n: number }>({ where: "s", codec: v2 });
    next.restore(entries);
    expect(next.find("k", 0)?.state).toEqual({ n: 7 });
    write(next, "k", { n: 8 });
    expect(() =>
      new KeyedState<number>({ where: "s", codec: v1 }).restore(next.snapshot() as [Uint8Array, Uint8Array][]),
    ).toThrow(/E_STATE_CODEC: the saved state of "s" can not be read: version 2 of the codec wrote it/);
  });

  it("names the operator when a codec fails or bytes are not ours", () => {
    const failing: Codec<number> = { version: 1, encode: () => fail("full"), decode: () => fail("torn") };
    const fail = (why: string): never => {
      throw new Error(why);
    };
    const state = new KeyedState<number>({ where: "s", codec: failing });
    expect(() => write(state, "k", 1)).toThrow(/E_STATE_CODEC: the state of "s" could not be encoded: full/);
    const bytes = new KeyedState<number>({ where: "s" });
    write(bytes, "k", 1);
    const entries = bytes.snapshot() as [Uint8Array, Uint8Array][];
    expect(() => state.restore(entries)).toThrow(/E_STATE_CODEC.*torn/);
    expect(() => state.restore([[encodeKey("k"), new Uint8Array()]])).toThrow(StreamError);
    expect(() => new KeyedState({ where: "s", codec: { ...failing, version: 1.5 } })).toThrow(/E_ARGUMENT/);
  });
});
