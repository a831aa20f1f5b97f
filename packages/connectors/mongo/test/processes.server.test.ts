import { expect, it } from "vitest";
import { Program } from "../../../../testbed/program.js";
import { testDatabase, url } from "./databases.js";

it("exactly once from collection to collection with state, whenever the process is killed", async () => {
  const { db, database, drop } = await testDatabase();
  for (const name of ["in", "out"]) await db.createCollection(name);
  const count = 9_000;
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
