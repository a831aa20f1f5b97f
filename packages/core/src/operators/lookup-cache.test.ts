import { describe, expect, it } from "vitest";
import { LookupCache } from "./lookup-cache.js";

describe("LookupCache", () => {
  it("keeps answers with the time they are fresh until, misses by a time of their own", () => {
    const cache = new LookupCache<string, number>({ max: 9, ttlMs: 10, missTtlMs: 3 });
    cache.set("a", 1, 100);
    cache.set("b", undefined, 100);
    expect([cache.use("a"), cache.use("b"), cache.use("c")]).toEqual([
      { value: 1, until: 110 },
      { value: undefined, until: 103 },
      undefined,
    ]);
    cache.set("a", 2, 105);
    expect(cache.use("a")).toEqual({ value: 2, until: 115 });
  });

  it("keeps no misses unless asked to, not even in place of an answer", () => {
    const cache = new LookupCache<string, number>({ max: 9, ttlMs: 10, missTtlMs: undefined });
    cache.set("a", 1, 0);
    cache.set("a", undefined, 0);
    expect([cache.use("a"), cache.size]).toEqual([undefined, 0]);
  });

  it("lets the least recently used go", () => {
    const cache = new LookupCache<string, number>({ max: 2, ttlMs: 10, missTtlMs: 10 });
    cache.set("a", 1, 0);
    cache.set("b", 2, 0);
    cache.use("a");
    cache.set("c", 3, 0);
    expect(["a", "b", "c"].map((key) => cache.use(key)?.value)).toEqual([1, undefined, 3]);
    cache.set("a", 4, 0);
    expect([cache.size, cache.use("c")?.value]).toEqual([2, 3]);
    cache.delete("a");
    expect(cache.size).toBe(1);
    cache.clear();
    expect(cache.size).toBe(0);
  });
});
