import { describe, expect, it } from "vitest";
import type { ConnectorWorkload } from "./catalog.js";
import type { Contents } from "./contents.js";
import { measureWorkload, run } from "./run.js";
import { missing } from "./servers.js";
import { summarizeRounds } from "./summary.js";
import type { ConnectorReport, ConnectorTask } from "./task.js";

const SINK: ConnectorWorkload = {
  id: "some-sink",
  title: "some",
  server: "kafka",
  contenders: ["loop", "millrace"],
  says: {},
  full: 1_000,
  quick: 100,
};
const GOOD: Contents = { count: 1_000, checksum: 7 };
const good: ConnectorReport = { cpuMs: 10, wallMs: 20, contents: GOOD, expected: GOOD };
const quiet = (): void => {};

async function tasksOf(workload: ConnectorWorkload, report: ConnectorReport = good): Promise<ConnectorTask[]> {
  const tasks: ConnectorTask[] = [];
  await measureWorkload(workload, { rounds: 2, quick: false }, quiet, async (task) => {
    tasks.push(task);
    return report;
  });
  return tasks;
}

describe("measureWorkload", () => {
  it("lets the contenders take turns, the other way round in every second round, each in a place of its own", async () => {
    const tasks = await tasksOf(SINK);
    expect(tasks.map(({ contender }) => contender)).toEqual(["loop", "millrace", "millrace", "loop"]);
    expect(new Set(tasks.map(({ place }) => place)).size).toBe(4);
  });

  it("leaves out all but the loop and us in every second round", async () => {
    const tasks = await tasksOf({ ...SINK, contenders: ["loop", "millrace", "writer", "await"] });
    expect(tasks.map(({ contender }) => contender)).toEqual([
      "loop",
      "millrace",
      "writer",
      "await",
      "millrace",
      "loop",
    ]);
  });

  it("fills a source's place once, lets all read it, and drops it", async () => {
    const tasks = await tasksOf({ ...SINK, id: "some-source" });
    expect(tasks.map(({ mode }) => mode)).toEqual(["fill", "time", "time", "time", "time", "drop"]);
    expect(new Set(tasks.map(({ place }) => place)).size).toBe(1);
  });

  it("fails where the server holds other values than were written", async () => {
    for (const contents of [
      { count: 999, checksum: 7 },
      { count: 1_000, checksum: 8 },
    ])
      await expect(tasksOf(SINK, { ...good, contents })).rejects.toThrow(/some-sink: loop leaves .* should be/);
  });
});

describe("run", () => {
  it("says what to start where no server is there", async () => {
    const said: string[] = [];
    const options = { workloads: [SINK], rounds: 1, quick: true, report: false, again: false };
    await expect(run(options, (line) => said.push(line), {})).rejects.toThrow("npm run testbed -- up");
    expect(said).toEqual(["kafka is left out: KAFKA_BROKERS is not set"]);
  });
});

describe("missing", () => {
  it("names the variables that are not set", () => {
    expect(missing("influx", { INFLUX_URL: "http://127.0.0.1:1", INFLUX_TOKEN: "" })).toBe(
      "INFLUX_TOKEN, INFLUX_ORG are not set",
    );
    expect(missing("mongo", { MONGO_URL: "mongodb://127.0.0.1" })).toBeUndefined();
  });
});

describe("summarizeRounds", () => {
  it("takes the part of the loop within each round, and rates by CPU time and by the clock", () => {
    const each = (contender: "loop" | "millrace", round: number, cpuMs: number) => ({
      contender,
      round,
      size: 1_000,
      cpuMs,
      wallMs: 2 * cpuMs,
    });
    const { loop, millrace } = summarizeRounds([
      each("loop", 1, 10),
      each("millrace", 1, 20),
      each("millrace", 2, 100),
      each("loop", 2, 50),
    ]);
    expect(millrace?.ofLoop).toEqual({ median: 0.5, spread: 0 });
    expect(loop?.ofLoop).toBeUndefined();
    expect(loop?.cpu.median).toBe((100_000 + 20_000) / 2);
    expect(millrace?.wall.median).toBe((25_000 + 5_000) / 2);
  });
});
