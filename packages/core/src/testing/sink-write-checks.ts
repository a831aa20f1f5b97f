import assert from "node:assert/strict";
import { StreamError } from "../errors.js";
import { type BenchWriter, type SinkBench, type SinkCheckOptions, sinkCheck, TASK } from "./sink-bench.js";
import { type Check, containsValues, sameValues, within } from "./suite.js";

/** What was written is there, once. */
export function sinkWriteChecks<T>(options: SinkCheckOptions<T>): Check[] {
  return [
    sinkCheck(options, "has what was written and flushed, before it is closed", hasWhatWasWritten),
    sinkCheck(options, "writes a batch as large as the engine makes", writesLargeBatch),
    sinkCheck(options, "writes batches that are under way at once", writesAtOnce),
    sinkCheck(options, "writes values without an id", writesWithoutIds),
    sinkCheck(options, "leaves the same contents after a replay", replays),
    sinkCheck(options, "serves several tasks, or says that it serves one", servesTasks),
    sinkCheck(options, "rolls back to the state of its last flush", rollsBack),
    sinkCheck(options, "can be flushed with nothing written, twice, and closed twice", flushesNothing),
    sinkCheck(options, "is up", isUp),
  ];
}

async function hasWhatWasWritten<T>(bench: SinkBench<T>): Promise<void> {
  const writer = await bench.writer();
  const values = bench.samples(0, 30);
  await writer.write(values.slice(0, 10), 0);
  await writer.write(values.slice(10, 11), 10);
  await writer.flush();
  sameValues("contents after a flush", await bench.contents(), values.slice(0, 11));
  await writer.write(values.slice(11), 11);
  await writer.flush();
  sameValues("contents after a second flush", await bench.contents(), values);
  await writer.close();
  await writer.connection.close();
  sameValues("contents after close()", await bench.contents(), values);
}

async function writesLargeBatch<T>(bench: SinkBench<T>): Promise<void> {
  const size = bench.sink().batch?.size ?? 1_000;
  const writer = await bench.writer();
  const values = bench.samples(0, size);
  await writer.write(values, 0);
  await writer.flush();
  sameValues(`contents after a batch of ${size}`, await bench.contents(), values);
}

async function writesAtOnce<T>(bench: SinkBench<T>): Promise<void> {
  const writer = await bench.writer();
  const values = bench.samples(0, 80);
  await Promise.all([0, 20, 40, 60].map((from) => writer.write(values.slice(from, from + 20), from)));
  await writer.flush();
  sameValues("contents after writes at once", await bench.contents(), values);
}

async function writesWithoutIds<T>(bench: SinkBench<T>): Promise<void> {
  const writer = await bench.writer();
  const values = bench.samples(0, 5);
  const nothing = values.map(() => undefined);
  await writer.write(values, 0, { ids: nothing, keys: nothing, times: nothing, origins: nothing });
  await writer.flush();
  sameValues("contents after a write without ids, keys, times and origins", await bench.contents(), values);
}

async function replays<T>(bench: SinkBench<T>): Promise<void> {
  const { writes } = bench.sink();
  const values = bench.samples(0, 60);
  const first = await bench.writer();
  await first.write(values.slice(0, 40), 0);
  await first.flush();
  if (writes !== "append") {
    await first.write(values.slice(0, 40), 0, { attempt: 2 });
    await first.flush();
    sameValues("contents after the same batch twice", await bench.contents(), values.slice(0, 40));
  }
  await first.close();
  await first.connection.close();
  // A start without a saved state begins such a sink anew; its replays are in the check of rolling back.
  if (bench.sink().rollsBack === true) return;
  // After a crash: by another process, cut into other batches, and on beyond what was written.
  const again = await bench.writer();
  for (let from = 10; from < 60; from += 25) await again.write(values.slice(from, from + 25), from);
  await again.flush();
  const contents = await bench.contents();
  if (writes === "append") containsValues("contents after a replay", contents, values);
  else sameValues("contents after a replay in other batches", contents, values);
}

async function servesTasks<T>(bench: SinkBench<T>): Promise<void> {
  const connection = await bench.connect();
  const first = await bench.open(connection, TASK);
  let second: BenchWriter<T>;
  try {
    second = await bench.open(connection, { ...TASK, partitions: ["1"], lease: 2 });
  } catch (error) {
    assert.ok(
      error instanceof StreamError,
      `a sink that serves one task at a time must refuse another with a StreamError; it failed with ${error}`,
    );
    return;
  }
  const values = bench.samples(0, 20);
  await Promise.all([first.write(values.slice(0, 10), 0), second.write(values.slice(10), 10)]);
  await first.flush();
  await first.close();
  await second.flush();
  await second.close();
  sameValues("contents after two tasks", await bench.contents(), values);
}

async function rollsBack<T>(bench: SinkBench<T>): Promise<void> {
  const values = bench.samples(0, 40);
  const first = await bench.writer();
  await first.write(values.slice(0, 10), 0);
  const state = (await first.flush())?.state;
  assert.ok(
    state !== undefined || bench.sink().rollsBack !== true,
    "a sink that rolls back must give its state at flush()",
  );
  // A state that only helps the sink to tidy up is no promise to roll back.
  if (state === undefined || bench.sink().rollsBack !== true) return;
  const saved = new Uint8Array(state);
  await first.write(values.slice(10, 20), 10);
  await first.flush();
  await first.write(values.slice(20, 30), 20);
  await first.close();
  await first.connection.close();
  const restored = await bench.writer(saved);
  await restored.flush();
  sameValues("contents after rolling back to a saved state", await bench.contents(), values.slice(0, 10));
  await restored.write(values.slice(10), 10);
  await restored.flush();
  sameValues("contents after rolling back and writing on", await bench.contents(), values);
}

async function flushesNothing<T>(bench: SinkBench<T>): Promise<void> {
  const writer = await bench.writer();
  await writer.flush();
  await writer.flush();
  await writer.write(bench.samples(0, 1), 0);
  await writer.flush();
  await writer.flush();
  await writer.close();
  await writer.close();
  await within("close() of the connection", writer.connection.close());
  await within("a second close() of the connection", writer.connection.close());
  sameValues("contents after flushes without values", await bench.contents(), bench.samples(0, 1));
}

async function isUp<T>(bench: SinkBench<T>): Promise<void> {
  const connection = await bench.connect();
  if (connection.health === undefined) return;
  assert.equal((await within("health()", connection.health())).status, "up", "a connected sink must be up");
}
