import { expect, it } from "vitest";
import { Program } from "../../../../testbed/program.js";
import { deleteTopic, ensureTopic } from "../src/index.js";
import { freshName, testBrokers } from "./brokers.js";
import { consume } from "./consume.js";
import { produce } from "./produce.js";

const brokers = testBrokers();
const list = brokers.join(",");
const text = new TextDecoder();

it("exactly once from topic to topic with state, whenever the process is killed", async () => {
  const [input, output, checkpoints, group] = ["in", "out", "state", "group"].map(freshName) as [
    string,
    string,
    string,
    string,
  ];
  await ensureTopic({ brokers }, input, { partitions: 3 });
  await ensureTopic({ brokers }, output, { partitions: 3 });
  const count = 12_000;
  await produce(
    brokers,
    input,
    Array.from({ length: count }, (_, n) => String(n)),
  );
  let kills = 0;
  for (let tries = 0; ; tries++) {
    expect(tries).toBeLessThan(20);
    const program = new Program(import.meta.url, "exactly-once", [list, input, output, checkpoints, group]);
    if (kills < 3) {
      // In the middle of a checkpoint interval, further in each time.
      if (await program.printed(new RegExp(`out [1-9]\\d{${2 + (kills % 2)},}`))) {
        await program.kill();
        kills++;
      } else await program.ended;
    } else if ((await program.ended).code === 0) break;
  }
  expect(kills).toBe(3);
  const lines = (await consume(brokers, output)).map(({ value }) => text.decode(value));
  // One line for each value, and each key counts without a gap and without a repetition.
  expect(lines.length).toBe(count);
  expect(new Set(lines.map((line) => Number(line.split(" ")[2]))).size).toBe(count);
  const counters = new Map<string, number>();
  for (const line of lines) {
    const [key, counter] = line.split(" ") as [string, string];
    expect(Number(counter)).toBe((counters.get(key) ?? 0) + 1);
    counters.set(key, Number(counter));
  }
  expect(counters.size).toBe(17);
  for (const topic of [input, output, checkpoints]) await deleteTopic({ brokers }, topic);
}, 240_000);

it("holds no more than 64 MB while a sink stalls in front of a million values, and loses none", async () => {
  const topic = freshName("million");
  await ensureTopic({ brokers }, topic, { partitions: 4 });
  const count = 1_000_000;
  for (let from = 0; from < count; from += 20_000)
    await produce(
      brokers,
      topic,
      Array.from({ length: 20_000 }, (_, i) => `value ${from + i} ${"x".repeat(80)}`),
    );
  const program = new Program(import.meta.url, "stalled-sink", [list, topic, freshName("group")], ["--expose-gc"]);
  expect(await program.ended, program.output).toMatchObject({ code: 0 });
  const {
    count: came,
    whileStalled,
    grownMB,
  } = JSON.parse(program.output) as { count: number; whileStalled: number; grownMB: number };
  console.log(`grown by ${grownMB} MB`);
  expect(came).toBe(count);
  expect(whileStalled).toBe(0);
  expect(grownMB).toBeLessThan(64);
  await deleteTopic({ brokers }, topic);
}, 240_000);

it("leaves nothing open after stop()", async () => {
  const [input, output] = ["in", "out"].map(freshName) as [string, string];
  for (const topic of [input, output]) await ensureTopic({ brokers }, topic, { partitions: 3 });
  await produce(
    brokers,
    input,
    Array.from({ length: 5_000 }, (_, n) => `value ${n}`),
  );
  const program = new Program(import.meta.url, "drain", [list, input, output, freshName("group")]);
  expect(await program.ended, program.output).toMatchObject({ code: 0 });
  expect(program.output).toContain("stopped");
  for (const topic of [input, output]) await deleteTopic({ brokers }, topic);
});
