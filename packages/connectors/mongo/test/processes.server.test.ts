import { expect, it } from "vitest";
import { Program } from "../../../../testbed/program.js";
import { testDatabase, url } from "./databases.js";

it("exactly once from collection to collection with state, whenever the process is killed", async () => {
  const { db, database, drop } = await testDatabase();
  for (const name of ["in", "out"]) await db.createCollection(name);
  const count = 5_000;
  await db.collection("in").insertMany(Array.from({ length: count }, (_, n) => ({ n })));
  let kills = 0;
  for (let tries = 0; ; tries++) {
    expect(tries).toBeLessThan(20);
    const program = new Program(import.meta.url, "exactly-once", [url, database]);
    if (kills < 3) {
      // In the middle of a checkpoint interval, further in each time.
      if (await program.printed(new RegExp(`out [1-9]\\d{${2 + (kills % 2)},}`))) {
        await program.kill();
        kills++;
      } else {
        expect(await program.ended, program.output).toMatchObject({ code: 0 });
        break;
      }
    } else if ((await program.ended).code === 0) break;
    else throw new Error(program.output);
  }
  expect(kills).toBe(3);
  const lines = (await db.collection("out").find().sort({ $natural: 1 }).toArray()).map(({ line }) => String(line));
  // One line for each value, and each key counts without a gap and without a repetition.
  expect(lines.length).toBe(count);
  expect(new Set(lines.map((line) => Number(line.split(" ")[2]))).size).toBe(count);
  const counters = new Map<string, number[]>();
  for (const line of lines) {
    const [key, counter] = line.split(" ") as [string, string];
    counters.set(key, [...(counters.get(key) ?? []), Number(counter)]);
  }
  expect(counters.size).toBe(17);
  for (const own of counters.values())
    expect(own.sort((a, b) => a - b)).toEqual(Array.from({ length: own.length }, (_, i) => i + 1));
  await drop();
}, 240_000);

it("what a killed process was told is written is there, and a replay leaves the same documents", async () => {
  const { db, database, contents, drop } = await testDatabase();
  await db.createCollection("out");
  const [count, slots] = [3_000, 1_200];
  const args = [url, database, String(count), String(slots)];
  for (const at of [299, 1_499, 2_499]) {
    const program = new Program(import.meta.url, "write", args);
    expect(await program.printed(new RegExp(`acknowledged ${at}\\n`)), program.output).toBe(true);
    await program.kill();
    const last = Math.max(...[...program.output.matchAll(/acknowledged (\d+)\n/g)].map(([, n]) => Number(n)));
    expect(last).toBeGreaterThanOrEqual(at);
    const there = new Map((await contents("out")).map(({ _id, n }) => [_id, Number(n)]));
    // That value, or a later one of the same document: nothing is written behind what was told but the next batches.
    const missing = Array.from({ length: last + 1 }, (_, n) => n).filter((n) => !((there.get(n % slots) ?? -1) >= n));
    expect(missing).toEqual([]);
  }
  const program = new Program(import.meta.url, "write", args);
  expect(await program.ended, program.output).toMatchObject({ code: 0 });
  const documents = await contents("out");
  expect(documents).toHaveLength(slots);
  for (const { _id, n } of documents) {
    const slot = Number(_id);
    expect(n).toBe(slot + Math.floor((count - 1 - slot) / slots) * slots);
  }
  await drop();
}, 120_000);

it("leaves nothing open after stop()", async () => {
  const { db, database, drop } = await testDatabase();
  for (const name of ["in", "out"]) await db.createCollection(name);
  await db.collection("in").createIndex({ n: 1 });
  await db.collection("in").insertMany(Array.from({ length: 3_000 }, (_, n) => ({ n })));
  const program = new Program(import.meta.url, "drain", [url, database]);
  expect(await program.ended, program.output).toMatchObject({ code: 0 });
  expect(program.output).toContain("stopped");
  await drop();
});
