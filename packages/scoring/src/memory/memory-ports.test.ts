import { virtualClock } from "@millrace/core/testing";
import { describe, expect, it } from "vitest";
import { portSuite } from "../testing/port-suite.js";
import { MemoryPorts } from "./memory-ports.js";
import { MemoryTopic } from "./memory-topic.js";
import { Unsteady } from "./unsteady.js";

portSuite("in memory", async ({ profiles, configuration, rules }) => {
  const world = { clock: virtualClock(), random: () => 0, maxLatencyMs: 0 };
  const ports = new MemoryPorts({ ...world, profiles, configuration, rules, messages: [], partitions: 1 });
  return { ports, contents: ports, teardown: async () => {} };
});

describe("Unsteady", () => {
  it("takes its time on the injected clock", async () => {
    const clock = virtualClock();
    const unsteady = new Unsteady({ clock, random: () => 0.5, maxLatencyMs: 9 });
    let done = "no";
    const call = unsteady.call(() => {
      done = "yes";
      return 7;
    });
    await clock.advance(4);
    expect(done).toBe("no");
    await clock.advance(1);
    expect(done).toBe("yes");
    await clock.advance(5);
    expect(await call).toBe(7);
  });

  it("fails before and after the effect", async () => {
    const draws = [0, 0, 0, 0, 0, 0.9, 0];
    const unsteady = new Unsteady({
      clock: virtualClock(),
      random: () => draws.shift() ?? 0.99,
      maxLatencyMs: 0,
      failures: 0.5,
    });
    let effects = 0;
    await expect(unsteady.call(() => effects++)).rejects.toMatchObject({ class: "transient" });
    expect(effects).toBe(0);
    await expect(unsteady.call(() => effects++)).rejects.toMatchObject({ class: "unknown-outcome" });
    expect(effects).toBe(1);
    expect(unsteady.failed).toBe(2);
  });
});

describe("MemoryTopic", () => {
  it("keeps the messages of a key in one partition, in order, and resumes at a position", async () => {
    const messages = Array.from({ length: 1_000 }, (_, i) => ({
      key: `c-${i % 37}`,
      value: Buffer.from([i % 256]),
      publishedAt: i,
    }));
    const topic = new MemoryTopic(messages, 4);
    const connection = await topic.connect();
    const seen = new Map<string, string>();
    let count = 0;
    for (const partition of ["0", "1", "2", "3"]) {
      const reader = await connection.open(partition, undefined);
      for (let batch = await reader.read(); batch !== undefined; batch = await reader.read()) {
        for (const { key, partition: own } of batch.values) {
          expect(seen.get(key as string) ?? own).toBe(own);
          seen.set(key as string, own);
          expect(connection.partitionOf?.(key as string, 4)).toBe(partition);
        }
        count += batch.values.length;
      }
    }
    expect(count).toBe(1_000);
    const reader = await connection.open("1", "5");
    expect((await reader.read())?.values[0]?.offset).toBe(5);
  });
});
