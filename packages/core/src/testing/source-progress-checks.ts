import assert from "node:assert/strict";
import type { Position } from "../connector.js";
import { positionsOf, type SourceBench, valuesOf } from "./source-bench.js";
import { type SourceCase, type SourceCheckOptions, sourceCheck } from "./source-read-checks.js";
import { type Check, sameValues, untilBack, within } from "./suite.js";

/** Batches whose positions are resumed at, spread over a partition. */
const RESUMES = 6;

/** Positions say where to go on, and committed ones are kept. */
export function sourceProgressChecks<T>(options: SourceCheckOptions<T>): Check[] {
  const { kill } = options;
  const checks = [
    sourceCheck(options, "resumes behind any batch, with nothing lost and nothing twice", 300, resumesAnywhere),
    sourceCheck(options, "resumes behind the last value", 50, resumesAtEnd),
    sourceCheck(options, "resumes behind a batch whatever else was read ahead", 300, resumesInside),
    sourceCheck(options, "has positions that compare and grow", 100, comparesPositions),
    sourceCheck(options, "keeps committed positions, and never lets them go back", 50, keepsCommitted),
  ];
  if (kill !== undefined)
    checks.push(sourceCheck(options, "keeps its values when the server is killed", 100, (one) => survives(one, kill)));
  return checks;
}

async function resumesAnywhere<T>({ connect, stored }: SourceCase<T>): Promise<void> {
  const whole = await connect();
  const readings = await whole.drainAll();
  sameValues("what was read", valuesOf(readings), stored);
  await whole.close();
  for (const { partition, batches } of readings) {
    const step = Math.max(1, Math.floor(batches.length / RESUMES));
    for (let i = 0; i < batches.length; i += step) {
      const resumed = await connect();
      const reading = { partition, reader: await resumed.open(partition, batches[i]?.position), batches: [] };
      await resumed.drain(reading);
      const wanted = batches.slice(i + 1).flatMap(({ values }) => values);
      sameValues(
        `what was read of partition ${JSON.stringify(partition)} from position ${batches[i]?.position}`,
        valuesOf([reading]),
        wanted,
      );
      await resumed.close();
    }
  }
}

async function resumesAtEnd<T>({ connect, append }: SourceCase<T>): Promise<void> {
  const first = await connect();
  const positions = positionsOf(await first.drainAll());
  await first.close();
  const atEnd = await connect();
  sameValues("what was read from the last position", valuesOf(await atEnd.drainAll(positions)), []);
  await atEnd.close();
  const added = await append(30);
  const later = await connect();
  sameValues(
    "what was read from the last position after values were added",
    valuesOf(await later.drainAll(positions)),
    added,
  );
}

async function resumesInside<T>({ connect, stored }: SourceCase<T>): Promise<void> {
  const first = await connect();
  const seen: T[] = [];
  const positions = new Map<string, Position>();
  for (const partition of first.partitions) {
    const reader = await first.open(partition, undefined);
    const batch = await within("the first read()", reader.read());
    // The next one may be under way when a run ends.
    const ahead = reader.read().catch(() => undefined);
    await within("close() of a reader", reader.close());
    await within("a read() that was pending at close()", ahead);
    if (batch === undefined) continue;
    seen.push(...batch.values);
    positions.set(partition, batch.position);
  }
  await first.close();
  const resumed = await connect();
  seen.push(...valuesOf(await resumed.drainAll(positions)));
  sameValues("what was read before and after a resume", seen, stored);
}

async function comparesPositions<T>({ connect, append }: SourceCase<T>): Promise<void> {
  const bench = await connect();
  const readings = await bench.drainAll();
  await bench.close();
  await append(20);
  const later = await connect();
  const more = await later.drainAll(positionsOf(readings));
  const { connection } = later;
  for (const { partition, batches } of readings) {
    const all = [...batches, ...(more.find((reading) => reading.partition === partition)?.batches ?? [])];
    for (const [i, { position, values }] of all.entries()) {
      assert.equal(sign(connection.comparePositions(position, position)), 0, `position ${position} must equal itself`);
      const before = all[i - 1]?.position;
      if (before === undefined) continue;
      const order = sign(connection.comparePositions(before, position));
      assert.equal(
        sign(connection.comparePositions(position, before)),
        -order || 0,
        `comparing ${before} with ${position} must not depend on the side`,
      );
      if (values.length > 0)
        assert.equal(order, -1, `position ${position} must be greater than ${before}: values lie between them`);
      else assert.ok(order <= 0, `position ${position} must not be behind ${before}`);
    }
  }
}

async function keepsCommitted<T>({ connect, append }: SourceCase<T>): Promise<void> {
  const bench = await connect();
  const { connection } = bench;
  if (connection.commit === undefined && connection.committed === undefined) return;
  assert.ok(
    connection.commit !== undefined && connection.committed !== undefined,
    "a source has both commit() and committed(), or neither",
  );
  const old = positionsOf(await bench.drainAll());
  for (const partition of bench.partitions)
    assert.equal(await committed(bench, partition), undefined, "nothing is committed at first");
  const [first, ...others] = bench.partitions as readonly [string, ...string[]];
  await commit(bench, new Map([...old].filter(([partition]) => partition === first)));
  for (const partition of others)
    assert.equal(await committed(bench, partition), undefined, "a commit is for its own partitions only");
  await commit(bench, old);
  await requireCommitted(bench, old);
  await bench.close();

  await append(30);
  const second = await connect();
  await requireCommitted(second, old);
  const grown = positionsOf(await second.drainAll(old));
  await commit(second, grown);
  await commit(second, new Map());
  await requireCommitted(second, new Map([...old, ...grown]));
  // A run that lost its partitions without noticing yet; it may be told so by an error.
  await commit(second, old, second.generation - 1).catch(() => {});
  await requireCommitted(second, new Map([...old, ...grown]));
  await second.close();
  await requireCommitted(await connect(), new Map([...old, ...grown]));
}

async function commit<T>(
  { connection, generation }: SourceBench<T>,
  positions: ReadonlyMap<string, Position>,
  as: number = generation,
): Promise<void> {
  await within("commit()", connection.commit?.(positions, as) ?? Promise.resolve());
}

async function committed<T>({ connection }: SourceBench<T>, partition: string): Promise<Position | undefined> {
  return within("committed()", connection.committed?.(partition) ?? Promise.resolve(undefined));
}

async function requireCommitted<T>(bench: SourceBench<T>, wanted: ReadonlyMap<string, Position>): Promise<void> {
  for (const [partition, position] of wanted) {
    const found = await committed(bench, partition);
    assert.ok(
      found !== undefined && bench.connection.comparePositions(found, position) === 0,
      `the committed position of partition ${JSON.stringify(partition)} must be ${position}; it is ${found}`,
    );
  }
}

async function survives<T>({ connect, append, stored }: SourceCase<T>, kill: () => Promise<void>): Promise<void> {
  const before = await connect();
  const positions = positionsOf(await before.drainAll());
  const added = await append(50);
  await within("kill()", kill(), 120_000);
  await before.close().catch(() => {});
  const resumed = await untilBack("reading after a kill", async () => {
    const bench = await connect();
    return valuesOf(await bench.drainAll(positions));
  });
  sameValues("what was read from the last position after a kill", resumed, added);
  const whole = await connect();
  sameValues("what was read from the begin after a kill", valuesOf(await whole.drainAll()), stored);
}

function sign(order: number): number {
  assert.ok(!Number.isNaN(order), "comparePositions() must not answer NaN");
  return Math.sign(order);
}
