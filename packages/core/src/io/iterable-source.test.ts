import { EventEmitter, on } from "node:events";
import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SourceBatch, SourceContext, SourceReader } from "../connector.js";
import { sourceSuite } from "../testing/source-suite.js";
import { testContext } from "../testing/test-context.js";
import { virtualClock } from "../testing/virtual-clock.js";
import { type IterableInput, isOneShot, iterableSource } from "./iterable-source.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function open<T>(
  input: IterableInput<T>,
  position?: string,
  context: SourceContext = testContext(),
): Promise<SourceReader<T>> {
  const connection = await iterableSource(input, "in").connect(context);
  return connection.open("0", position);
}

async function batches<T>(reader: SourceReader<T>): Promise<SourceBatch<T>[]> {
  const out: SourceBatch<T>[] = [];
  for (let batch = await reader.read(); batch !== undefined; batch = await reader.read()) out.push(batch);
  return out;
}

const flat = <T>(read: readonly SourceBatch<T>[]): T[] => read.flatMap(({ values }) => values);

function* count(to: number): Generator<number> {
  for (let n = 0; n < to; n++) yield n;
}

async function* countAsync(to: number): AsyncGenerator<number> {
  for (let n = 0; n < to; n++) {
    if (n % 5 === 3) await turn();
    yield n;
  }
}

/** Every form of input that can be begun again, with the values 0 … n-1. */
const forms: Readonly<Record<string, (n: number) => IterableInput<number>>> = {
  array: (n) => Array.from(count(n)),
  set: (n) => new Set(count(n)),
  "iterable object": (n) => ({ [Symbol.iterator]: () => count(n) }),
  "async iterable object": (n) => ({ [Symbol.asyncIterator]: () => countAsync(n) }),
  "generator function": (n) => () => count(n),
  "async generator function": (n) => () => countAsync(n),
  "function to a Node stream": (n) => () => Readable.from(count(n)),
  "function to a web stream": (n) => () => ReadableStream.from(count(n)) as ReadableStream<number>,
};

describe.each(Object.entries(forms))("iterableSource over an %s", (_, make) => {
  it("reads every value once, with its number as offset and the next number as position", async () => {
    const read = await batches(await open(make(3_000)));
    expect(flat(read)).toEqual(Array.from(count(3_000)));
    expect(read.flatMap(({ offsets }) => offsets)).toEqual(Array.from(count(3_000)));
    let next = 0;
    for (const { values, position } of read) {
      next += values.length;
      expect(position).toBe(String(next));
    }
  });

  it("resumes at any position", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 600 }), async (from) => {
        const [first, ...rest] = await batches(await open(make(600), String(from)));
        expect(flat(first === undefined ? [] : [first, ...rest])).toEqual(Array.from(count(600)).slice(from));
        if (first !== undefined) expect(first.offsets?.[0]).toBe(from);
      }),
      { numRuns: 15 },
    );
  });

  it("can be begun by several runs", async () => {
    const source = iterableSource(make(10), "in");
    expect([source.bounded, source.oneShot]).toEqual([true, false]);
    for (let run = 0; run < 2; run++) {
      const connection = await source.connect(testContext());
      expect(flat(await batches(await connection.open("0", undefined)))).toEqual(Array.from(count(10)));
      await connection.close();
    }
  });

  it("refuses a saved position behind its end, at every read", async () => {
    const reader = await open(make(5), "6");
    await expect(reader.read()).rejects.toThrow(/E_SOURCE.*"in" ended after 5 values, before the saved position 6/);
    await expect(reader.read()).rejects.toThrow(/E_SOURCE/);
  });

  it("reads nothing after close()", async () => {
    const reader = await open(make(5));
    await reader.close();
    await reader.close();
    expect(await reader.read()).toBeUndefined();
  });
});

describe("batches", () => {
  it("are up to 1,024 of an array", async () => {
    expect((await batches(await open(Array.from(count(2_500))))).map(({ values }) => values.length)).toEqual([
      1_024, 1_024, 452,
    ]);
  });

  it("are up to 256 of an iterable, also an endless one", async () => {
    expect((await batches(await open(new Set(count(600))))).map(({ values }) => values.length)).toEqual([256, 256, 88]);
    const reader = await open(() => count(Number.POSITIVE_INFINITY));
    expect((await reader.read())?.values).toHaveLength(256);
  });

  it("of a slow iterable are cut after 5 ms", async () => {
    let now = 0;
    const clock = { now: () => now, schedule: () => () => {} };
    const slow = function* (): Generator<number> {
      for (let n = 0; n < 100; n++) {
        now += 1;
        yield n;
      }
    };
    const read = await batches(await open(slow, undefined, testContext({ clock })));
    expect(read.map(({ values }) => values.length)).toEqual([16, 16, 16, 16, 16, 16, 4]);
  });

  it("of an async iterable are what is there", async () => {
    const read = await batches(await open(() => countAsync(10)));
    expect(read.map(({ values }) => values)).toEqual([
      [0, 1, 2],
      [3, 4, 5, 6, 7],
      [8, 9],
    ]);
  });

  it("of an async iterable that never waits are 256", async () => {
    async function* endless(): AsyncGenerator<number> {
      for (let n = 0; ; n++) yield n;
    }
    const reader = await open(endless);
    expect((await reader.read())?.values).toHaveLength(256);
    expect((await reader.read())?.values[0]).toBe(256);
    await reader.close();
  });

  it("take what is appended to an array while it is read", async () => {
    const array = [1];
    const reader = await open(array);
    expect((await reader.read())?.values).toEqual([1]);
    array.push(2);
    expect((await reader.read())?.values).toEqual([2]);
    expect(await reader.read()).toBeUndefined();
  });

  it("respect an array's own iterator", async () => {
    class Doubled extends Array<number> {
      override *[Symbol.iterator](): ArrayIterator<number> {
        for (let i = 0; i < this.length; i++) yield (this[i] as number) * 2;
      }
    }
    expect(flat(await batches(await open(Doubled.from([1, 2]))))).toEqual([2, 4]);
  });

  it("hold a value that came alone at once", async () => {
    let give: (value: number) => void = () => {};
    async function* waiting(): AsyncGenerator<number> {
      for (;;) yield await new Promise<number>((resolve) => (give = resolve));
    }
    const reader = await open(waiting);
    for (let n = 0; n < 3; n++) {
      const read = reader.read();
      await turn();
      give(n);
      expect((await read)?.values).toEqual([n]);
    }
    await reader.close();
  });
});

describe("backpressure", () => {
  it("calls next() at most once between two reads", async () => {
    let asked = 0;
    const input = {
      [Symbol.asyncIterator]: () => ({ next: () => turn().then(() => ({ done: false as const, value: asked++ })) }),
    };
    const reader = await open<number>(input);
    await reader.read();
    for (let i = 0; i < 10; i++) await turn();
    expect(asked).toBe(2);
    expect((await reader.read())?.values).toEqual([1]);
  });
});

describe("errors", () => {
  it("come after the values before them, and stay", async () => {
    const failing: IterableInput<number>[] = [
      function* () {
        yield* count(3);
        throw new Error("broken input");
      },
      async function* () {
        yield* count(3);
        throw new Error("broken input");
      },
    ];
    for (const input of failing) {
      const reader = await open(input);
      expect((await reader.read())?.values).toEqual([0, 1, 2]);
      await expect(reader.read()).rejects.toThrow("broken input");
      await expect(reader.read()).rejects.toThrow("broken input");
      await reader.close();
    }
  });

  it("of an async iterator that throws at the call fail the read", async () => {
    const input = {
      [Symbol.asyncIterator]: () => ({
        next: (): Promise<IteratorResult<number>> => {
          throw new Error("no promise");
        },
      }),
    };
    await expect((await open(input)).read()).rejects.toThrow("no promise");
  });

  it("refuse what can not be iterated", async () => {
    expect(() => iterableSource(5 as never, "in")).toThrow(/E_ARGUMENT.*"in" must be an iterable.*it is 5/);
    expect(() => iterableSource(null as never, "in")).toThrow(/E_ARGUMENT/);
    await expect(open((async () => [1]) as never)).rejects.toThrow(/E_SOURCE.*must return an iterable.*no promise/);
    await expect(open({ [Symbol.iterator]: () => 5 } as never)).rejects.toThrow(
      /E_SOURCE.*must return an iterator; it returned 5/,
    );
  });

  it("refuse a position or partition of something else", async () => {
    const connection = await iterableSource([1], "in").connect(testContext());
    for (const position of ["", "-1", "1.5", "abc", "0x10", "99999999999999999999"])
      await expect(connection.open("0", position)).rejects.toThrow(/E_SOURCE.*not a position of source "in"/);
    await expect(connection.open("1", undefined)).rejects.toThrow(/E_SOURCE.*one partition/);
    expect(connection.comparePositions("9", "10")).toBeLessThan(0);
  });
});

describe("close()", () => {
  it("calls return() exactly once, unless the iterator ended by itself", async () => {
    for (const kind of ["sync", "async"]) {
      for (const length of [5, 1_000_000]) {
        let returned = 0;
        const inner = count(length);
        const iterator = {
          next: () => (kind === "sync" ? inner.next() : Promise.resolve(inner.next())),
          return: () => {
            returned++;
            return kind === "sync"
              ? { done: true, value: undefined }
              : Promise.resolve({ done: true, value: undefined });
          },
        };
        const reader = await open<number>({
          [kind === "sync" ? Symbol.iterator : Symbol.asyncIterator]: () => iterator,
        } as never);
        await reader.read();
        if (length === 5) expect(await reader.read()).toBeUndefined();
        await reader.close();
        await reader.close();
        expect([kind, length, returned]).toEqual([kind, length, length === 5 ? 0 : 1]);
      }
    }
  });

  it("runs a generator's finally", async () => {
    const seen: string[] = [];
    const reader = await open(function* () {
      try {
        yield* count(1_000);
      } finally {
        seen.push("freed");
      }
    });
    await reader.read();
    await reader.close();
    expect(seen).toEqual(["freed"]);
  });

  it("ends a pending read and lets a generator clean up on its signal", async () => {
    const seen: string[] = [];
    const reader = await open(async function* (signal: AbortSignal): AsyncGenerator<number> {
      try {
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        yield 1;
      } finally {
        seen.push("freed");
      }
    });
    const read = reader.read();
    await turn();
    await reader.close();
    expect([await read, seen]).toEqual([undefined, ["freed"]]);
  });

  it("does not wait for a generator that answers nothing", async () => {
    const reader = await open(async function* (): AsyncGenerator<number> {
      await new Promise(() => {});
      yield 1;
    });
    const read = reader.read();
    await turn();
    await reader.close();
    expect(await read).toBeUndefined();
  });

  it("throws away what was taken and not given yet", async () => {
    const reader = await open(async function* (): AsyncGenerator<number> {
      for (let n = 0; ; n++) yield n;
    });
    const read = reader.read();
    for (let i = 0; i < 20; i++) await Promise.resolve();
    await reader.close();
    expect(await read).toBeUndefined();
  });

  it("throws away what comes after it", async () => {
    let give: (value: number) => void = () => {};
    const reader = await open(async function* (): AsyncGenerator<number> {
      yield await new Promise<number>((resolve) => (give = resolve));
    });
    const read = reader.read();
    await turn();
    const closed = reader.close();
    give(1);
    await closed;
    expect([await read, await reader.read()]).toEqual([undefined, undefined]);
  });

  it("of the connection closes its readers", async () => {
    let returned = 0;
    const input = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false as const, value: 1 }),
        return: () => ({ done: true as const, value: returned++ }),
      }),
    };
    const connection = await iterableSource<number>(input as never, "in").connect(testContext());
    const reader = await connection.open("0", undefined);
    await reader.read();
    await connection.close();
    await reader.close();
    expect(returned).toBe(1);
    expect(await reader.read()).toBeUndefined();
  });

  it("interrupts a long skip", async () => {
    const reader = await open(() => count(Number.POSITIVE_INFINITY), "900000000000");
    const read = reader.read();
    await turn();
    await reader.close();
    expect(await read).toBeUndefined();
  });
});

describe("the function's signal", () => {
  it("ends with the run", async () => {
    const run = new AbortController();
    let given: AbortSignal | undefined;
    await open(
      (signal) => {
        given = signal;
        return [1];
      },
      undefined,
      testContext({ signal: run.signal }),
    );
    expect(given?.aborted).toBe(false);
    run.abort(new Error("the reason"));
    expect(given?.reason).toEqual(new Error("the reason"));
  });

  it("is one for each start", async () => {
    const signals: AbortSignal[] = [];
    const source = iterableSource((signal) => {
      signals.push(signal);
      return [1];
    }, "in");
    const connection = await source.connect(testContext());
    const reader = await connection.open("0", undefined);
    await connection.open("0", undefined);
    await reader.close();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });
});

describe("one-shot inputs", () => {
  const oneShots: Readonly<Record<string, () => IterableInput<number>>> = {
    generator: () => count(3),
    "async generator": () => countAsync(3),
    "array iterator": () => [0, 1, 2].values(),
    "Node stream": () => Readable.from([0, 1, 2]),
    "web stream": () => ReadableStream.from([0, 1, 2]) as ReadableStream<number>,
  };

  it.each(Object.entries(oneShots))("%s is read, once, from its begin", async (_, make) => {
    const source = iterableSource(make(), "in");
    expect(source.oneShot).toBe(true);
    const connection = await source.connect(testContext());
    await expect(connection.open("0", "1")).rejects.toThrow(/E_ONE_SHOT.*position 1/);
    expect(flat(await batches(await connection.open("0", "0")))).toEqual([0, 1, 2]);
    await expect(connection.open("0", undefined)).rejects.toThrow(/E_ONE_SHOT.*already begun/);
    const other = await source.connect(testContext());
    await expect(other.open("0", undefined)).rejects.toThrow(/E_ONE_SHOT/);
  });

  it.each(Object.entries(oneShots))("a function that returns the same %s again is found out", async (_, make) => {
    const input = make() as Iterable<number>;
    const source = iterableSource(() => input, "in");
    expect(source.oneShot).toBe(false);
    const connection = await source.connect(testContext());
    await connection.open("0", undefined);
    await expect(connection.open("0", undefined)).rejects.toThrow(/E_ONE_SHOT/);
  });

  it("an object that always gives the same iterator is found out", async () => {
    const inner = count(3);
    const connection = await iterableSource({ [Symbol.iterator]: () => inner }, "in").connect(testContext());
    await connection.open("0", undefined);
    await expect(connection.open("0", undefined)).rejects.toThrow(/E_ONE_SHOT/);
  });

  it("are told from those that begin anew, without beginning them", () => {
    expect([[], new Set(), new Map(), "abc", new Uint8Array(1), () => count(1)].map(isOneShot)).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
    const opening = {
      [Symbol.asyncIterator]: () => {
        throw new Error("begun");
      },
    };
    expect(isOneShot(opening)).toBe(false);
    expect(isOneShot(on(new EventEmitter(), "x"))).toBe(true);
    expect([null, undefined, 5].map(isOneShot)).toEqual([false, false, false]);
  });
});

describe("streams at the border", () => {
  it("close() destroys a Node stream that waits", async () => {
    const stream = new Readable({ objectMode: true, read() {} });
    const reader = await open<number>(stream);
    const read = reader.read();
    await turn();
    await reader.close();
    expect([await read, stream.destroyed]).toEqual([undefined, true]);
  });

  it("close() cancels a web stream that waits", async () => {
    const seen: string[] = [];
    const stream = new ReadableStream<number>({ cancel: () => void seen.push("cancelled") });
    const reader = await open<number>(stream);
    const read = reader.read();
    await turn();
    await reader.close();
    expect([await read, seen]).toEqual([undefined, ["cancelled"]]);
  });

  it("a stream's error fails the read", async () => {
    const node = new Readable({ objectMode: true, read() {} });
    const reader = await open<number>(node);
    const read = reader.read();
    node.destroy(new Error("broken pipe"));
    await expect(read).rejects.toThrow("broken pipe");
    const web = new ReadableStream<number>({ start: (controller) => controller.error(new Error("broken body")) });
    await expect((await open<number>(web)).read()).rejects.toThrow("broken body");
  });
});

describe("under a virtual clock", () => {
  it("needs no time to pass", async () => {
    const clock = virtualClock();
    expect(flat(await batches(await open(() => countAsync(20), "7", testContext({ clock }))))).toEqual(
      Array.from(count(20)).slice(7),
    );
    expect(clock.pending).toBe(0);
  });
});

for (const [form, make] of Object.entries({
  array: (values: number[]) => values,
  "generator function": (values: number[]) => () => values.values(),
  "async generator function": (values: number[]) =>
    async function* () {
      yield* values;
    },
})) {
  sourceSuite<number>({
    name: `iterableSource over an ${form}`,
    async setup(given) {
      const values = [...given];
      return {
        source: () => iterableSource(make(values), "in"),
        append: async (more) => void values.push(...more),
        teardown: async () => {},
      };
    },
    sample: (index) => index,
  });
}
