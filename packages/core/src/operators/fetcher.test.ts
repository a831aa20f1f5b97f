import { describe, expect, it } from "vitest";
import { batchOf, StageHarness } from "../../test/stage-harness.js";
import { WriteError } from "../connector.js";
import { planRetry } from "../policy.js";
import type { StageContext } from "../stage.js";
import { Fetcher, type FetchPlan } from "./fetcher.js";
import { Work } from "./work.js";

interface Open {
  readonly keys: readonly string[];
  resolve(found: ReadonlyMap<string, string>): void;
  reject(error: unknown): void;
}

function setUp(plan: Partial<FetchPlan> = {}) {
  const fetches: Open[] = [];
  const log: string[] = [];
  const fetchers: Fetcher<string, string>[] = [];
  const fetch = (keys: readonly string[]): Promise<ReadonlyMap<string, string>> =>
    new Promise((resolve, reject) => {
      fetches.push({ keys, resolve, reject });
    });
  const make = (context: StageContext) => {
    const whole: FetchPlan = {
      size: 2,
      withinMs: undefined,
      concurrency: 1,
      timeoutMs: undefined,
      retry: planRetry(undefined, "probe", 1),
      ...plan,
    };
    fetchers.push(
      new Fetcher<string, string>(context, { name: "t", fetch }, whole, {
        answered: (asks, found) => {
          for (const { key, places, outdated } of asks)
            log.push(`${key}[${places}]=${found.get(key)}${outdated ? " old" : ""}`);
        },
        failed: (asks, error, attempts) => {
          for (const { key } of asks) log.push(`${key}!${String(error)} after ${attempts}`);
        },
      }),
    );
    return { onBatch: () => {} };
  };
  const harness = new StageHarness({ kind: "probe", make });
  const fetcher = fetchers[0] as Fetcher<string, string>;
  const work = new Work(batchOf([{ value: 0 }]));
  const want = (...keys: string[]): void => {
    for (const [place, key] of keys.entries()) fetcher.want(key, work, place);
    fetcher.dispatch();
  };
  const answer = async (place: number): Promise<void> => {
    const { keys, resolve } = fetches[place] as Open;
    resolve(new Map(keys.map((key) => [key, key.toUpperCase()])));
    await harness.settle();
    fetcher.dispatch();
  };
  return { fetches, log, fetcher, harness, want, answer, keys: () => fetches.map((each) => each.keys.join("")) };
}

describe("Fetcher", () => {
  it("asks for what is there, at most `size` keys a fetch and `concurrency` fetches, each key once", async () => {
    const { keys, log, want, answer } = setUp();
    want("a", "b", "a", "c", "d", "e");
    want("b", "e");
    expect(keys()).toEqual(["ab"]);
    await answer(0);
    expect([keys(), log]).toEqual([
      ["ab", "cd"],
      ["a[0,2]=A", "b[1,0]=B"],
    ]);
    await answer(1);
    await answer(2);
    expect([keys(), log.slice(2)]).toEqual([
      ["ab", "cd", "e"],
      ["c[3]=C", "d[4]=D", "e[5,1]=E"],
    ]);
    want("a");
    expect(keys().at(-1)).toBe("a");
  });

  it("waits for a batch to fill where told to, but not longer", async () => {
    const { keys, want, answer, harness } = setUp({ withinMs: 10, concurrency: 9 });
    want("a");
    harness.set(5);
    want("b");
    expect([keys(), harness.clock.pending]).toEqual([["ab"], 0]);
    want("c");
    harness.set(14);
    expect(keys()).toEqual(["ab"]);
    harness.set(15);
    expect(keys()).toEqual(["ab", "c"]);
    want("d");
    expect(keys()).toHaveLength(2);
    await answer(0);
    harness.set(25);
    expect(keys()).toEqual(["ab", "c", "d"]);
  });

  it("asks again for a key that changed while it was under way, and marks the old answer", async () => {
    const { keys, log, fetcher, want, answer } = setUp({ concurrency: 9 });
    want("a");
    fetcher.invalidate("a");
    fetcher.invalidate("x");
    want("a");
    expect(keys()).toEqual(["a", "a"]);
    await answer(1);
    await answer(0);
    expect(log).toEqual(["a[0]=A", "a[0]=A old"]);
    fetcher.refresh("b");
    fetcher.invalidate("b");
    fetcher.dispatch();
    fetcher.invalidateAll();
    await answer(2);
    expect([keys().length, log[2]]).toEqual([3, "b[]=B old"]);
  });

  it("keeps a key that changed before it was asked for in its place", async () => {
    const { keys, log, fetcher, want, answer } = setUp();
    want("a", "b", "c");
    fetcher.invalidate("c");
    want("c");
    await answer(0);
    await answer(1);
    expect([keys(), log.slice(2)]).toEqual([["ab", "c"], ["c[2,0]=C"]]);
  });

  it("names the lookup in what failed, and leaves errors with a class as they are", async () => {
    const { fetches, log, want, harness, fetcher } = setUp({ timeoutMs: 10 });
    const fail = async (error: unknown): Promise<void> => {
      fetches.at(-1)?.reject(error);
      await harness.settle();
      fetcher.dispatch();
    };
    want("a", "b");
    await fail(new Error("down"));
    want("c");
    await fail(new WriteError("poison", "E_X", "bad"));
    want("d");
    harness.set(10);
    want("e");
    fetches.at(-1)?.resolve([] as never);
    await harness.settle();
    expect(log).toEqual([
      'a!StreamError: E_LOOKUP: lookup "t" failed: down after 1',
      'b!StreamError: E_LOOKUP: lookup "t" failed: down after 1',
      "c!WriteError: bad after 1",
      'd!StreamError: E_TIMEOUT: a fetch of lookup "t" took longer than 10 ms after 1',
      'e!StreamError: E_LOOKUP: lookup "t" must answer with a Map of what it found; it answered [] after 1',
    ]);
  });

  it("close forgets what waits", async () => {
    const { fetches, log, want, fetcher, harness, answer } = setUp({ withinMs: 10 });
    want("a", "b", "c");
    fetcher.close();
    harness.set(50);
    await answer(0);
    expect([fetches.length, log, harness.clock.pending]).toEqual([1, [], 0]);
  });
});
