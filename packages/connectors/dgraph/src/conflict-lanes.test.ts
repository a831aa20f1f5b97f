import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConflictLanes } from "./conflict-lanes.js";

/** Work that ends when told. */
function gate(): { readonly open: Promise<void>; release(): void } {
  let release = (): void => {};
  const open = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { open, release: () => release() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("ConflictLanes", () => {
  it("runs what shares a node in order, and the rest beside it", async () => {
    const lanes = new ConflictLanes(10);
    const log: string[] = [];
    const first = gate();
    const run = (name: string, touched: readonly string[], until: Promise<void> = Promise.resolve()): Promise<void> =>
      lanes.run(new Set(touched), async () => {
        log.push(`${name} begins`);
        await until;
        log.push(`${name} ends`);
      });
    const all = [run("1", ["a", "b"], first.open), run("2", ["b", "c"]), run("3", ["c"]), run("4", ["d"])];
    await turn();
    expect(log).toEqual(["1 begins", "4 begins", "4 ends"]);
    first.release();
    await Promise.all(all);
    expect(log.slice(3)).toEqual(["1 ends", "2 begins", "2 ends", "3 begins", "3 ends"]);
    expect(lanes.size).toBe(0);
  });

  it("goes on behind work that fails", async () => {
    const lanes = new ConflictLanes(1);
    const failed = lanes.run(new Set(["a"]), () => Promise.reject(new Error("no")));
    const after = lanes.run(new Set(["a"]), async () => "yes");
    await expect(failed).rejects.toThrow("no");
    expect(await after).toBe("yes");
    expect(lanes.size).toBe(0);
  });

  it("never runs more than its limit, nor two that share a node, and keeps the order of each node", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 3 }), { maxLength: 20 }),
        async (limit, jobs) => {
          const lanes = new ConflictLanes(limit);
          const running = new Set<number>();
          const order = new Map<number, number[]>();
          let most = 0;
          await Promise.all(
            jobs.map((touched, job) =>
              lanes.run(new Set(touched.map(String)), async () => {
                running.add(job);
                most = Math.max(most, running.size);
                for (const other of running)
                  if (other !== job) expect(jobs[other]?.some((node) => touched.includes(node))).toBe(false);
                for (const node of touched) order.set(node, [...(order.get(node) ?? []), job]);
                await turn();
                running.delete(job);
              }),
            ),
          );
          expect(most).toBeLessThanOrEqual(limit);
          for (const seen of order.values()) expect(seen).toEqual([...seen].sort((left, right) => left - right));
          expect(lanes.size).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });
});
