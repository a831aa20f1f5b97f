import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Position, Source, SourceBatch, SourceConnection, SourceReader } from "../connector.js";
import { preview } from "../errors.js";
import { within } from "./suite.js";
import { testContext } from "./test-context.js";

/** Joining a group takes its time. */
const ASSIGN_MS = 60_000;
const MAX_EMPTY = 200;

/** A source connected and assigned, spoken to with a deadline. */
export class SourceBench<T> {
  readonly connection: SourceConnection<T>;
  readonly bounded: boolean;
  readonly partitions: readonly string[];
  readonly generation: number;
  /** How often partitions were assigned until now. */
  readonly assignments: () => number;

  private constructor(
    connection: SourceConnection<T>,
    bounded: boolean,
    assigned: readonly string[],
    generation: number,
    assignments: () => number,
  ) {
    this.connection = connection;
    this.bounded = bounded;
    this.partitions = assigned;
    this.generation = generation;
    this.assignments = assignments;
  }

  static async connect<T>(source: Source<T>): Promise<SourceBench<T>> {
    const connection = await within("connect()", source.connect(testContext()));
    let count = 0;
    let subscribed = false;
    const assigned = new Promise<{ readonly partitions: readonly string[]; readonly generation: number }>(
      (resolve, reject) => {
        const listener = {
          async assigned(partitions: readonly string[], generation: number) {
            count++;
            assert.ok(subscribed, "assigned() came before subscribe() was called");
            resolve({ partitions, generation });
          },
          async lost(partitions: readonly string[]) {
            reject(new assert.AssertionError({ message: `lost(${partitions}) came although nothing was taken away` }));
          },
        };
        subscribed = true;
        connection.subscribe(listener).catch(reject);
      },
    );
    const { partitions, generation } = await within("assigned() after subscribe()", assigned, ASSIGN_MS);
    assert.ok(partitions.length > 0, "assigned() must name at least one partition");
    assert.equal(new Set(partitions).size, partitions.length, `assigned() names a partition twice: ${partitions}`);
    assert.ok(Number.isInteger(generation), `a generation must be a whole number; it is ${generation}`);
    return new SourceBench(connection, source.bounded === true, partitions, generation, () => count);
  }

  async open(partition: string, position: Position | undefined): Promise<SourceReader<T>> {
    return within(`open(${JSON.stringify(partition)}, ${position})`, this.connection.open(partition, position));
  }

  /** Reads all partitions to their ends (or until they say that they have caught up), from these positions. */
  async drainAll(positions: ReadonlyMap<string, Position> = new Map()): Promise<Reading<T>[]> {
    const readings: Reading<T>[] = [];
    for (const partition of this.partitions)
      readings.push({ partition, reader: await this.open(partition, positions.get(partition)), batches: [] });
    await Promise.all(readings.map((reading) => this.drain(reading)));
    return readings;
  }

  /** Reads on to the end, or until the reader says that it has caught up. */
  async drain({ partition, reader, batches }: Reading<T>): Promise<void> {
    for (;;) {
      const batch = await within(
        `read() of partition ${JSON.stringify(partition)}, after ${batches.length} batches,`,
        reader.read(),
      );
      if (batch === undefined) {
        assert.ok(
          this.bounded,
          `a reader of partition ${JSON.stringify(partition)} ended, but the source is not bounded`,
        );
        return;
      }
      requireSound(batch);
      batches.push(batch);
      requireProgress(batches);
      if (!this.bounded && batch.caughtUp === true) return;
    }
  }

  async close(): Promise<void> {
    await within("close() of the connection", this.connection.close());
  }
}

/** What was read of a partition until now. */
export interface Reading<T> {
  readonly partition: string;
  readonly reader: SourceReader<T>;
  readonly batches: SourceBatch<T>[];
}

export function valuesOf<T>(readings: readonly Reading<T>[]): T[] {
  return readings.flatMap(({ batches }) => batches.flatMap(({ values }) => values));
}

/** The last position of each partition that gave one. */
export function positionsOf<T>(readings: readonly Reading<T>[]): Map<string, Position> {
  const positions = new Map<string, Position>();
  for (const { partition, batches } of readings) for (const { position } of batches) positions.set(partition, position);
  return positions;
}

/** A reader that waits must wait in its read(), not hand out nothing for ever. */
export function requireProgress(batches: readonly SourceBatch<unknown>[]): void {
  const empty =
    batches.length - 1 - batches.findLastIndex(({ values, poison }) => values.length > 0 || (poison?.length ?? 0) > 0);
  assert.ok(
    empty <= MAX_EMPTY,
    `a reader gave ${MAX_EMPTY} batches without values in a row: it must wait in read(), or say that it has caught up`,
  );
}

function requireSound(batch: SourceBatch<unknown>): void {
  const { values, offsets, times, position } = batch;
  assert.equal(typeof position, "string", `a batch's position must be a string; it is ${preview(position)}`);
  if (offsets !== undefined)
    assert.equal(offsets.length, values.length, "a batch must have an offset for each value, or none");
  if (times !== undefined)
    assert.equal(times.length, values.length, "a batch must have a time for each value, or none");
}

/** Fails unless each partition's values come in the order in which they were stored. */
export function requireOrder<T>(readings: readonly Reading<T>[], stored: readonly T[]): void {
  for (const { partition, batches } of readings) {
    let last = -1;
    for (const value of batches.flatMap(({ values }) => values)) {
      const place = stored.findIndex((candidate, i) => i > last && isDeepStrictEqual(candidate, value));
      assert.ok(place > last, `partition ${JSON.stringify(partition)} gives ${preview(value)} out of order`);
      last = place;
    }
  }
}
