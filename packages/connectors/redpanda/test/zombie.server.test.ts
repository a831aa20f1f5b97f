import { testContext } from "@millrace/core/testing";
import { expect, it, onTestFinished } from "vitest";
import { deleteTopic, redpandaCheckpoints } from "../src/index.js";
import { drivers, freshName, testBrokers } from "./brokers.js";

const brokers = testBrokers();
const text = new TextDecoder();

for (const [name, driver] of Object.entries(drivers))
  it(`a zombie's commit is fenced once another process has the task, and writes nothing, ${name}`, async () => {
    const topic = freshName("store");
    onTestFinished(() => deleteTopic({ brokers }, topic));
    const store = redpandaCheckpoints({ brokers, driver, topic, partitions: 1 });
    const now = Date.now();
    /** Never renews, as a process that hangs. */
    const hanging = { now: () => now, schedule: () => () => {} };
    const zombie = await store.connect(testContext({ clock: hanging }));
    const successor = await store.connect(
      testContext({
        clock: {
          now: () => Date.now() + 20_000,
          schedule: (at, fn) => {
            const timer = setTimeout(fn, Math.max(0, at - Date.now() - 20_000));
            return () => clearTimeout(timer);
          },
        },
      }),
    );
    onTestFinished(async () => {
      await zombie.close();
      await successor.close();
    });
    const head = {
      format: 1 as const,
      ended: false,
      topologyHash: "h",
      mode: "one" as const,
      positions: new Map(),
      partitionCounts: new Map(),
      time: { processing: 0, watermarks: new Map() },
      sinkStates: new Map(),
      commits: [],
    };
    const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
    const { number } = await zombie.lease("task");
    await zombie.commit("task", number, { ...head, epoch: 1, changes: [["s", bytes("k"), bytes("zombie 1")]] });
    const next = await successor.lease("task");
    expect(next.number).toBeGreaterThan(number);
    expect(next.latest?.epoch).toBe(1);
    await expect(
      zombie.commit("task", number, { ...head, epoch: 2, changes: [["s", bytes("k"), bytes("zombie 2")]] }),
    ).rejects.toThrow(/E_FENCED/);
    await successor.commit("task", next.number, { ...head, epoch: 2, changes: [] });
    await successor.release("task", next.number);
    const { latest } = await successor.lease("task");
    const entries = [];
    for await (const page of latest?.entries() ?? []) entries.push(...page);
    expect(entries.map(([state, key, value]) => [state, text.decode(key), text.decode(value)])).toEqual([
      ["s", "k", "zombie 1"],
    ]);
  });
