import { describe, expect, it } from "vitest";
import { checkpointSuite } from "../testing/checkpoint-suite.js";
import { testContext } from "../testing/test-context.js";
import { virtualClock } from "../testing/virtual-clock.js";
import { memoryCheckpoints } from "./memory-checkpoints.js";

checkpointSuite({
  name: "memory",
  async setup() {
    const store = memoryCheckpoints();
    return { store: () => store, teardown: async () => {} };
  },
});

describe("memoryCheckpoints", () => {
  it("has no system: no sink writes inside its commit", async () => {
    const store = memoryCheckpoints();
    expect([store.name, store.system]).toEqual(["memory", undefined]);
    const connection = await store.connect(testContext());
    const { number } = await connection.lease("t");
    const head = {
      format: 1,
      epoch: 1,
      ended: false,
      topologyHash: "",
      mode: "one",
      positions: new Map(),
      partitionCounts: new Map(),
      time: { processing: 0, watermarks: new Map() },
      sinkStates: new Map(),
    } as const;
    await expect(
      connection.commit("t", number, { ...head, changes: [], commits: [{ sink: "db", payload: {} }] }),
    ).rejects.toThrow(/E_CHECKPOINT_STORE.*"db"/);
    expect(await connection.latestEpoch("t", number)).toBeUndefined();
  });

  it("frees the lease of a run whose signal ended, and fences it", async () => {
    const store = memoryCheckpoints();
    const run = new AbortController();
    const dying = await store.connect(testContext({ signal: run.signal }));
    const { number } = await dying.lease("t");
    run.abort();
    const next = await (await store.connect(testContext())).lease("t");
    expect(next.number).toBeGreaterThan(number);
    await expect(dying.latestEpoch("t", number)).rejects.toThrow();
    await expect((await store.connect(testContext({ signal: run.signal }))).lease("u")).rejects.toThrow(/closed/);
  });

  it("gives a lease to those who wait in the order they came, and to nobody who came later", async () => {
    const store = memoryCheckpoints();
    const connect = () => store.connect(testContext());
    const holder = await connect();
    const { number } = await holder.lease("t");
    const order: string[] = [];
    const [first, second, late] = [await connect(), await connect(), await connect()];
    const waits = [
      first.lease("t", { wait: true }).then(() => order.push("first")),
      second.lease("t", { wait: true }).then(() => order.push("second")),
    ];
    const released = holder.release("t", number);
    await expect(late.lease("t")).rejects.toThrow(/E_LEASE_HELD/);
    await released;
    await waits[0];
    await first.close();
    await waits[1];
    expect(order).toEqual(["first", "second"]);
  });

  it("ends the wait of a connection that closes", async () => {
    const store = memoryCheckpoints();
    await (await store.connect(testContext())).lease("t");
    const standby = await store.connect(testContext());
    const waiting = standby.lease("t", { wait: true });
    const refused = expect(waiting).rejects.toThrow(/E_ABORTED/);
    await standby.close();
    await refused;
  });

  it("names since when a lease is held, by the run's clock", async () => {
    const store = memoryCheckpoints();
    const clock = virtualClock(Date.UTC(2024, 0, 2));
    await (await store.connect(testContext({ clock, topology: "orders" }))).lease("t");
    await expect((await store.connect(testContext())).lease("t")).rejects.toThrow(
      /"orders".*since 2024-01-02T00:00:00.000Z/,
    );
  });
});
