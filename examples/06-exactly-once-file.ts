/** A file that has every line exactly once, although the run that writes it dies half way and another one goes on. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileSink, from, memoryCheckpoints, type Run, topology } from "@millrace/core";

const LINES = 20_000;
const folder = await mkdtemp(join(tmpdir(), "millrace-"));
const path = join(folder, "numbers.txt");
const store = memoryCheckpoints(); // sqliteCheckpoints({ file }) outlives the process too

function* numbers(): Generator<number> {
  for (let n = 1; n <= LINES; n++) yield n;
}

function start(dieAt: number): Run {
  const lines = from(
    async function* () {
      yield* numbers();
    },
    { name: "numbers" },
  )
    .tap((n) => {
      if (n === dieAt) run.abort(new Error("died")); // no last checkpoint, nothing is flushed
    })
    .map((n) => `line ${n}`);
  const copy = topology("copy", lines.to(fileSink(path)));
  for (const { level, because } of copy.guarantees({ checkpoint: { every: 5, store } }))
    console.log(`${level}: ${because.replace(folder, "")}`);
  const run = copy.start({ checkpoint: { every: 5, store }, delivery: "exactly-once" });
  return run;
}

await start(15_000).done.catch((error) => console.log(`first run: ${error.message}`));
console.log(`second run: ${(await start(0).done).status}`);

const written = (await readFile(path, "utf8")).split("\n").slice(0, -1);
console.log(`${written.length} lines, ${new Set(written).size} different ones, the last is "${written.at(-1)}"`);
await rm(folder, { recursive: true });

// prints:
// exactly-once: …
// first run: died
// exactly-once: …
// second run: completed
// 20000 lines, 20000 different ones, the last is "line 20000"
