import assert from "node:assert/strict";
import type { Source } from "../connector.js";
import { Wakeup } from "../io/wakeup.js";
import { type Reading, requireOrder, requireProgress, SourceBench, valuesOf } from "./source-bench.js";
import { type Check, sameValues, within } from "./suite.js";

/** A store with values in it. */
export interface SourceUnderTest<T> {
  source(): Source<T>;
  append(values: readonly T[]): Promise<void>;
  teardown(): Promise<void>;
}

/** What a check needs of sourceSuite()'s options. */
export interface SourceCheckOptions<T> {
  setup(
    values: readonly T[],
  ): Promise<{ source(): Source<T>; append(values: readonly T[]): Promise<void>; teardown(): Promise<void> }>;
  sample(index: number): T;
  kill?(): Promise<void>;
}

/** A check's store, its values, and connections that are closed after it. */
export interface SourceCase<T> {
  readonly stored: readonly T[];
  connect(): Promise<SourceBench<T>>;
  /** Stores further values and returns them. */
  append(count: number): Promise<readonly T[]>;
}

/** Makes a check on a store with `count` values. */
export function sourceCheck<T>(
  { setup, sample }: SourceCheckOptions<T>,
  name: string,
  count: number,
  body: (one: SourceCase<T>) => Promise<void>,
): Check {
  return {
    name,
    async run() {
      const stored = Array.from({ length: count }, (_, i) => sample(i));
      const { source, append, teardown } = await within("setup()", setup([...stored]), 60_000);
      const open: SourceBench<T>[] = [];
      try {
        await body({
          stored,
          async connect() {
            const bench = await SourceBench.connect(source());
            open.push(bench);
            return bench;
          },
          async append(more) {
            const values = Array.from({ length: more }, (_, i) => sample(stored.length + i));
            stored.push(...values);
            await within("append()", append(values));
            return values;
          },
        });
      } finally {
        // A check may have failed, or killed the server: closing has a check of its own.
        for (const bench of open) await bench.close().catch(() => {});
        await within("teardown()", teardown(), 60_000);
      }
    },
  };
}

/** Values come whole, once, in order, and end as they should. */
export function sourceReadChecks<T>(options: SourceCheckOptions<T>): Check[] {
  return [
    sourceCheck(options, "gives every value once, each partition's in order", 200, givesAll),
    sourceCheck(options, "gives many values", 3_000, givesAll),
    sourceCheck(options, "gives nothing of an empty store", 0, givesNothing),
    sourceCheck(options, "gives values that are added later", 20, givesLaterValues),
    sourceCheck(options, "gives the same offsets and partitions at a second reading", 100, repeatsOffsets),
    sourceCheck(options, "ends a pending read() at close(), and reads nothing after it", 20, closeEndsRead),
    sourceCheck(options, "can be closed twice", 1, closesTwice),
    sourceCheck(options, "is assigned its partitions once while nothing changes, and is up", 10, isAssignedOnce),
  ];
}

async function givesAll<T>({ connect, stored }: SourceCase<T>): Promise<void> {
  const bench = await connect();
  const readings = await bench.drainAll();
  sameValues("what was read", valuesOf(readings), stored);
  requireOrder(readings, stored);
  if (bench.bounded)
    for (const { reader } of readings)
      assert.equal(
        await within("read() after the end", reader.read()),
        undefined,
        "a reader that has ended must stay so",
      );
}

async function givesNothing<T>({ connect }: SourceCase<T>): Promise<void> {
  const bench = await connect();
  sameValues("what was read of an empty store", valuesOf(await bench.drainAll()), []);
}

async function givesLaterValues<T>({ connect, append, stored }: SourceCase<T>): Promise<void> {
  const bench = await connect();
  if (bench.bounded) {
    await append(5);
    const later = await connect();
    sameValues("what was read after values were added", valuesOf(await later.drainAll()), stored);
    return;
  }
  const readings = await bench.drainAll();
  const following = new Following(readings);
  for (let round = 0; round < 3; round++) {
    await append(5);
    await within("read() after values were added", following.until(stored.length));
    sameValues("what was read after values were added", valuesOf(readings), stored);
  }
  requireOrder(readings, stored);
  await following.close();
}

async function repeatsOffsets<T>({ connect }: SourceCase<T>): Promise<void> {
  const first = await connect();
  const before = offsetsOf(await first.drainAll());
  await first.close();
  const again = await connect();
  assert.deepEqual(
    offsetsOf(await again.drainAll()),
    before,
    "a value's partition and offset must be the same at a second reading: ids are made of them",
  );
}

/** partition → offsets, in order; an offset that comes twice fails. */
function offsetsOf<T>(readings: readonly Reading<T>[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    readings.map(({ partition, batches }) => {
      const offsets = batches.flatMap(({ offsets }) => Array.from(offsets ?? [], String));
      assert.equal(
        new Set(offsets).size,
        offsets.length,
        `partition ${JSON.stringify(partition)} gives an offset twice`,
      );
      return [partition, offsets];
    }),
  );
}

async function closeEndsRead<T>({ connect }: SourceCase<T>): Promise<void> {
  const bench = await connect();
  const idle = bench.bounded ? [] : await bench.drainAll();
  const fresh = await bench.open(bench.partitions[0] as string, undefined);
  for (const { reader, unread } of [
    ...idle.map(({ reader }) => ({ reader, unread: false })),
    { reader: fresh, unread: true },
  ]) {
    const pending = reader.read();
    await within("close() of a reader", reader.close());
    const batch = await within("a read() that was pending at close()", pending);
    assert.ok(
      batch === undefined || unread || batch.values.length === 0,
      "close() must make a pending read() resolve undefined",
    );
    assert.equal(
      await within("read() after close()", reader.read()),
      undefined,
      "read() after close() must resolve undefined",
    );
    await within("a second close() of a reader", reader.close());
  }
}

async function closesTwice<T>({ connect }: SourceCase<T>): Promise<void> {
  const unread = await connect();
  await unread.close();
  await unread.close();
  const read = await connect();
  const readings = await read.drainAll();
  for (const { reader } of readings) await within("close() of a reader", reader.close());
  await read.close();
  await read.close();
}

async function isAssignedOnce<T>({ connect }: SourceCase<T>): Promise<void> {
  const bench = await connect();
  const { connection } = bench;
  if (connection.health !== undefined)
    assert.equal((await within("health()", connection.health())).status, "up", "a connected source must be up");
  await bench.drainAll();
  assert.equal(bench.assignments(), 1, "assigned() must come once while nothing changes");
  for (const key of ["a", "", "日本", 7, -1.5, 10n, true]) {
    const partition = connection.partitionOf?.(key, bench.partitions.length);
    assert.ok(
      partition === undefined || bench.partitions.includes(partition),
      `partitionOf(${String(key)}, ${bench.partitions.length}) must name one of ${bench.partitions}; it is ${partition}`,
    );
    assert.equal(
      connection.partitionOf?.(key, bench.partitions.length),
      partition,
      "partitionOf() must answer the same each time",
    );
  }
}

/** Reads on behind the scenes, one read() a reader at a time. */
class Following<T> {
  readonly #readings: readonly Reading<T>[];
  readonly #wakeup = new Wakeup();
  readonly #loops: readonly Promise<void>[];
  #failure: { readonly error: unknown } | undefined;
  #closing = false;

  constructor(readings: readonly Reading<T>[]) {
    this.#readings = readings;
    this.#loops = readings.map((reading) =>
      this.#follow(reading).catch((error) => {
        this.#failure = { error };
        this.#wakeup.wake();
      }),
    );
  }

  /** Resolves when so many values have been read in all. */
  async until(count: number): Promise<void> {
    while (valuesOf(this.#readings).length < count) {
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#wakeup.wait();
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const { reader } of this.#readings) await within("close() of a reader", reader.close());
    await within("read() that was pending at close()", Promise.all(this.#loops));
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #follow({ reader, batches }: Reading<T>): Promise<void> {
    for (;;) {
      const batch = await reader.read();
      if (batch === undefined) {
        assert.ok(this.#closing, "a reader ended, but the source is not bounded");
        return;
      }
      batches.push(batch);
      requireProgress(batches);
      this.#wakeup.wake();
    }
  }
}
