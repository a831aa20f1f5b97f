import assert from "node:assert/strict";
import { WriteError, type WriteOutcome } from "../connector.js";
import {
  type BenchWriter,
  describe,
  type SinkBench,
  type SinkCheckOptions,
  sinkCheck,
  type Tried,
} from "./sink-bench.js";
import { type Check, containsValues, sameValues, untilBack, within } from "./suite.js";

/** What can not be written is named, and harms nothing else. */
export function sinkFailureChecks<T>(options: SinkCheckOptions<T>): Check[] {
  const { poison, kill } = options;
  const checks = [sinkCheck(options, "ends a write whose signal has ended, and goes on after it", endsAbortedWrite)];
  if (poison !== undefined)
    checks.push(
      sinkCheck(options, "calls a refused value poison", (bench) => callsItPoison(bench, poison())),
      sinkCheck(options, "writes the others of a batch with a refused value", (bench) =>
        writesTheOthers(bench, poison()),
      ),
    );
  if (kill !== undefined)
    checks.push(
      sinkCheck(options, "keeps what was flushed when the server is killed", (bench) => survives(bench, kill)),
    );
  return checks;
}

async function endsAbortedWrite<T>(bench: SinkBench<T>): Promise<void> {
  const values = bench.samples(0, 10);
  const writer = await bench.writer();
  const ended = new AbortController();
  ended.abort(new Error("the run was aborted"));
  await writer.try(values.slice(0, 5), 0, { signal: ended.signal });
  const ending = new AbortController();
  const pending = writer.try(values.slice(0, 5), 0, { signal: ending.signal });
  ending.abort(new Error("the run was aborted"));
  await pending;
  // The engine tries again what was not acknowledged: a sink that appends may have it twice, no sink may have lost it.
  await writer.write(values, 0);
  await writer.flush();
  containsValues("contents after aborted writes were tried again", await bench.contents(), values);
  if (bench.sink().writes !== "append")
    sameValues("contents after aborted writes were tried again", await bench.contents(), values);
}

async function callsItPoison<T>(bench: SinkBench<T>, refused: T): Promise<void> {
  const writer = await bench.writer();
  const tried = await writer.try([refused], 0);
  const errorClass = tried instanceof WriteError ? tried.class : classOf(tried === "written" ? tried : tried[0]);
  assert.equal(errorClass, "poison", `a value the store refuses must be poison; ${describe(tried)}`);
  await writer.flush();
  sameValues("contents after a refused value", await bench.contents(), []);
  const next = bench.samples(0, 3);
  await writer.write(next, 1);
  await writer.flush();
  sameValues("contents after a refused value and sound ones", await bench.contents(), next);
}

async function writesTheOthers<T>(bench: SinkBench<T>, refused: T): Promise<void> {
  const writer = await bench.writer();
  const written: T[] = [];
  for (const [round, place] of [0, 7, 15].entries()) {
    const from = round * 16;
    const sound = bench.samples(from, from + 15);
    const refusedAt = await writeHalving(bench, writer, sound.toSpliced(place, 0, refused), from);
    assert.deepEqual(refusedAt, [place], "the refused value must be named, and no other");
    await writer.flush();
    written.push(...sound);
    sameValues("contents after a batch with a refused value", await bench.contents(), written);
  }
}

/** Writes as the engine does: the places of the values that are poison. A batch refused whole is halved, where that is safe. */
async function writeHalving<T>(
  bench: SinkBench<T>,
  writer: BenchWriter<T>,
  batch: readonly T[],
  from: number,
  at = 0,
): Promise<number[]> {
  const tried: Tried = await writer.try(batch, from + at);
  if (tried === "written") return [];
  if (!(tried instanceof WriteError)) {
    for (const outcome of tried)
      assert.ok(
        outcome === "written" || outcome.class === "poison",
        `beside a refused value the others must be written; ${describe(tried)}`,
      );
    return tried.flatMap((outcome, i) => (outcome === "written" ? [] : [at + i]));
  }
  assert.equal(tried.class, "poison", `a batch with a value the store refuses must fail as poison; ${describe(tried)}`);
  if (batch.length === 1) return [at];
  assert.ok(
    tried.atomic || bench.sink().writes !== "append",
    "a sink that appends and refuses a batch as a whole must say that nothing of it was written (WriteError with atomic: true), or give an outcome for each value",
  );
  const half = batch.length >> 1;
  return [
    ...(await writeHalving(bench, writer, batch.slice(0, half), from, at)),
    ...(await writeHalving(bench, writer, batch.slice(half), from, at + half)),
  ];
}

function classOf(outcome: WriteOutcome | undefined): string {
  return outcome === undefined || outcome === "written" ? "written" : outcome.class;
}

async function survives<T>(bench: SinkBench<T>, kill: () => Promise<void>): Promise<void> {
  const values = bench.samples(0, 60);
  const before = await bench.writer();
  await before.write(values.slice(0, 30), 0);
  const state = (await before.flush())?.state;
  await before.write(values.slice(30, 40), 30);
  await within("kill()", kill(), 120_000);
  await before.close().catch(() => {});
  await before.connection.close().catch(() => {});
  containsValues("contents after a kill", await untilBack("contents()", () => bench.contents()), values.slice(0, 30));
  const after = await untilBack("opening a writer after a kill", () => bench.writer(state));
  await after.write(values.slice(30), 30);
  await after.flush();
  const contents = await bench.contents();
  if (bench.sink().writes === "append") containsValues("contents after a kill and a replay", contents, values);
  else sameValues("contents after a kill and a replay", contents, values);
}
