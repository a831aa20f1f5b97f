import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Program } from "../../../../testbed/program.js";
import { deleteTopic, ensureTopic } from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";
import { produce } from "./produce.js";
import { recount } from "./recount.js";

const brokers = testBrokers();
const list = brokers.join(",");

async function madeTopics(...topics: readonly string[]): Promise<void> {
  for (const topic of topics) {
    await ensureTopic({ brokers }, topic, { partitions: 3 });
    onTestFinished(() => deleteTopic({ brokers }, topic));
  }
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));

// At once: each mostly waits.
describe.concurrent("exactly once from topic to topic with state, whenever the process is killed", () => {
  for (const name of Object.keys(drivers))
    it(name, async () => {
      const [input, output, checkpoints, group] = ["in", "out", "state", "group"].map(freshName) as [
        string,
        string,
        string,
        string,
      ];
      for (const topic of [input, output]) await ensureTopic({ brokers }, topic, { partitions: 3 });
      const count = 8_000;
      await produce(brokers, input, numbers(count));
      let kills = 0;
      for (let tries = 0; ; tries++) {
        expect(tries).toBeLessThan(20);
        const topics = [input, output, checkpoints];
        const program = new Program(import.meta.url, "exactly-once", [name, list, ...topics, group, "latest"]);
        if (kills < 3) {
          // In the middle of a checkpoint interval, further in each time.
          if (await program.printed(new RegExp(`out [1-9]\\d{${2 + (kills % 2)},}`))) {
            await program.kill();
            kills++;
          } else await program.ended;
        } else if ((await program.ended).code === 0) break;
      }
      expect(kills).toBe(3);
      await recount(brokers, output, count, 17);
      for (const topic of [input, output, checkpoints]) await deleteTopic({ brokers }, topic);
    }, 240_000);
});

describe("a sink that stalls in front of a million values", () => {
  const topic = freshName("million");
  const count = 1_000_000;

  beforeAll(async () => {
    await ensureTopic({ brokers }, topic, { partitions: 4 });
    const filler = "x".repeat(80);
    for (let from = 0; from < count; from += 20_000)
      await produce(
        brokers,
        topic,
        Array.from({ length: 20_000 }, (_, i) => `value ${from + i} ${filler}`),
      );
  });

  afterAll(() => deleteTopic({ brokers }, topic));

  for (const name of Object.keys(drivers))
    it(`holds no more than 64 MB, and loses none, ${name}`, async () => {
      const program = new Program(
        import.meta.url,
        "stalled-sink",
        [name, list, topic, freshName("group")],
        ["--expose-gc"],
      );
      expect(await program.ended, program.output).toMatchObject({ code: 0 });
      const {
        count: came,
        whileStalled,
        grownMB,
      } = JSON.parse(program.output.slice(program.output.indexOf("{"))) as {
        count: number;
        whileStalled: number;
        grownMB: number;
      };
      console.log(`${name}: grown by ${grownMB} MB`);
      expect(came).toBe(count);
      expect(whileStalled).toBe(0);
      expect(grownMB).toBeLessThan(64);
    }, 240_000);
});

for (const name of Object.keys(drivers))
  it(`leaves nothing open after stop(), ${name}`, async () => {
    const [input, output] = ["in", "out"].map(freshName) as [string, string];
    await madeTopics(input, output);
    await produce(
      brokers,
      input,
      numbers(5_000).map((n) => `value ${n}`),
    );
    const program = new Program(import.meta.url, "drain", [name, list, input, output, freshName("group")]);
    onTestFinished(() => program.kill());
    expect(await program.ended, program.output).toMatchObject({ code: 0 });
    expect(program.output).toContain("stopped");
  });
