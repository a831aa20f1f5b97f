import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as elapsed } from "node:timers/promises";
import { expect, it } from "vitest";
import { Program } from "../../../../testbed/program.js";
import { flux, fluxQuery } from "../src/index.js";
import { all, freshBucket, server } from "./server.js";
import { StalledServer } from "./stalled-server.js";

const { url, token, org } = server;

it("what was acknowledged is there, whenever the process is killed, and going on from before the end leaves each point once", async () => {
  const bucket = await freshBucket("killed");
  const folder = await mkdtemp(join(tmpdir(), "millrace-influx-"));
  const journal = join(folder, "journal");
  const acknowledged = async (): Promise<number[]> =>
    (await readFile(journal, "utf8").catch(() => ""))
      .split("\n")
      .filter((line) => line !== "")
      .map(Number);
  let first = 0;
  for (let kills = 0; kills < 4; kills++) {
    const program = new Program(import.meta.url, "write", [url, token, org, bucket.name, journal, String(first)]);
    for (const before = (await acknowledged()).length; (await acknowledged()).length < before + 2_000 + kills * 1_357; )
      await elapsed(20);
    await program.kill();
    // As after a crash: what was written last is written once more.
    first = Math.max(0, ((await acknowledged()).at(-1) as number) - 700);
  }
  const expected = new Set(await acknowledged());
  expect(expected.size).toBeGreaterThan(8_000);
  const there = (await bucket.rows()).map(({ _value }) => Number(_value));
  const missing = [...expected].filter((n) => !there.includes(n));
  expect(missing).toEqual([]);
  expect(there.length).toBe(new Set(there).size);
  console.log(`${expected.size} acknowledged, ${there.length} there`);
  await bucket.delete();
  await rm(folder, { recursive: true });
}, 120_000);

it("holds no more than 64 MB while a server stalls in front of a million values, or a sink behind them, and loses none", async () => {
  const bucket = await freshBucket("million");
  const stalled = new StalledServer(url);
  const program = new Program(
    import.meta.url,
    "stalled-sink",
    [await stalled.listen(), token, org, bucket.name, "3000"],
    ["--expose-gc"],
  );
  expect(await program.printed(/stalled\n/), program.output).toBe(true);
  stalled.go();
  expect(await program.ended, program.output).toMatchObject({ code: 0 });
  stalled.close();
  const { made, whileStalled, grownMB } = JSON.parse(program.output.slice(program.output.indexOf("{"))) as {
    made: number;
    whileStalled: number;
    grownMB: number;
  };
  console.log(`grown by ${grownMB} MB, ${whileStalled} values taken while it stalled`);
  expect(made).toBe(1_000_000);
  expect(whileStalled).toBeLessThan(50_000);
  expect(grownMB).toBeLessThan(64);
  const count = flux`from(bucket: ${bucket.name}) |> range(start: time(v: ${0})) |> filter(fn: (r) => r._field == "n") |> count()`;
  expect(await all(fluxQuery(server, count))).toMatchObject([{ _value: 1_000_000n }]);

  // The points of the first minute, back into a sink that stalls.
  const first = 1_700_000_000_000;
  const args = [url, token, org, bucket.name, String(first), String(first + 60_000)];
  const reading = new Program(import.meta.url, "stalled-source", args, ["--expose-gc"]);
  expect(await reading.ended, reading.output).toMatchObject({ code: 0 });
  const read = JSON.parse(reading.output) as Record<"whileStalled" | "count" | "grownMB", number>;
  console.log(`grown by ${read.grownMB} MB, ${read.whileStalled} rows decoded while the sink stalled`);
  expect(read.count).toBe(60_000);
  expect(read.whileStalled).toBeLessThan(25_000);
  expect(read.grownMB).toBeLessThan(64);
  await bucket.delete();
}, 240_000);

it("leaves nothing open after stop()", async () => {
  const [bucket, target] = [await freshBucket("drain"), await freshBucket("drained")];
  await bucket.write(
    Array.from({ length: 5_000 }, (_, n) => n),
    (v) => ({ measurement: "m", fields: { v }, time: v }),
  );
  const program = new Program(import.meta.url, "drain", [url, token, org, bucket.name, target.name]);
  expect(await program.ended, program.output).toMatchObject({ code: 0 });
  expect(program.output).toContain("stopped");
  // What was read before it, in order and without a gap.
  const written = (await target.rows()).map(({ _value }) => _value);
  expect(written.length).toBeGreaterThan(500);
  expect(written).toEqual(written.map((_, n) => n));
  for (const each of [bucket, target]) await each.delete();
}, 60_000);
