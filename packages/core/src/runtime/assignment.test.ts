import { describe, expect, it } from "vitest";
import { Assignment, type TaskRequest } from "./assignment.js";

function assignment(
  mode: "one" | "per-partition",
  sources: readonly string[],
  counts: Readonly<Record<string, number>> = {},
) {
  const log: string[] = [];
  const failures: unknown[] = [];
  let failing: unknown;
  const made: Assignment = new Assignment(mode, "t", sources, {
    start: async ({ name, partitions }: TaskRequest) => {
      if (failing !== undefined) throw failing;
      log.push(`start ${name} ${[...partitions].map(([id, own]) => `${id}:${own.join("+")}`).join(" ")}`);
    },
    stop: async (name) => {
      log.push(`stop ${name}${made.isMoving(name) ? " (moving)" : ""}`);
    },
    partitionCount: (source) => counts[source],
    failed: (error) => failures.push(error),
  });
  return {
    made,
    log,
    failures,
    fail: (error: unknown) => {
      failing = error;
    },
    take: () => log.splice(0),
  };
}

describe("one task over everything", () => {
  it("starts when every source has been assigned something", async () => {
    const { made, take } = assignment("one", ["a", "b"]);
    await made.listener("a").assigned(["0", "1"], 1);
    expect(take()).toEqual([]);
    await made.listener("b").assigned(["0"], 7);
    expect(take()).toEqual(["start t a:0+1 b:0"]);
    expect([made.count("a"), made.generation("a"), made.generation("b"), made.count("c")]).toEqual([2, 1, 7, 0]);
  });

  it("starts anew with more partitions, not with the same", async () => {
    const { made, take } = assignment("one", ["a"]);
    const listener = made.listener("a");
    await listener.assigned(["0"], 1);
    await listener.assigned([], 2);
    await listener.assigned(["0"], 3);
    expect(take()).toEqual(["start t a:0"]);
    expect(made.generation("a")).toBe(3);
    await listener.assigned(["1"], 4);
    expect(take()).toEqual(["stop t (moving)", "start t a:0+1"]);
  });

  it("stops when a partition is lost, and starts with what is assigned then", async () => {
    const { made, take } = assignment("one", ["a"]);
    const listener = made.listener("a");
    await listener.assigned(["0", "1"], 1);
    await listener.lost(["1"], 2);
    expect(take()).toEqual(["start t a:0+1", "stop t (moving)"]);
    expect(made.allFinished).toBe(false);
    await listener.assigned(["2"], 3);
    expect(take()).toEqual(["start t a:0+2"]);
    await listener.lost(["0", "2"], 4);
    await listener.assigned([], 5);
    expect(take()).toEqual(["stop t (moving)"]);
  });
});

describe("a task a partition", () => {
  it("is started for each that all sources have, and only then", async () => {
    const { made, take } = assignment("per-partition", ["a", "b"], { a: 3, b: 3 });
    await made.listener("a").assigned(["0", "1"], 1);
    await made.listener("b").assigned(["1"], 1);
    expect(take()).toEqual(["start t/1 a:1 b:1"]);
    await made.listener("b").assigned(["0", "2"], 2);
    expect(take()).toEqual(["start t/0 a:0 b:0"]);
    await made.listener("a").lost(["1"], 2);
    expect(take()).toEqual(["stop t/1 (moving)"]);
    await made.listener("a").assigned(["2"], 3);
    expect(take()).toEqual(["start t/2 a:2 b:2"]);
  });

  it("is refused for sources of unequal counts", async () => {
    const { made, failures } = assignment("per-partition", ["a", "b"], { a: 3 });
    await made.listener("a").assigned(["0"], 1);
    const refused = made.listener("b").assigned(["0", "1"], 1);
    await expect(refused).rejects.toMatchObject({ code: "E_PARTITION_COUNTS" });
    await expect(refused).rejects.toThrow(/"a" has 3 and "b" has 2/);
    expect(failures).toHaveLength(1);
  });

  it("has finished when all have; one that is taken away has not, and does not count", async () => {
    const { made } = assignment("per-partition", ["a"]);
    const listener = made.listener("a");
    expect(made.allFinished).toBe(false);
    await listener.assigned(["0", "1", "2"], 1);
    made.finished("t/0");
    made.finished("t/1");
    expect(made.allFinished).toBe(false);
    await listener.lost(["2"], 2);
    expect(made.allFinished).toBe(true);
    await listener.assigned(["2"], 3);
    expect(made.allFinished).toBe(false);
    made.finished("t/2");
    expect(made.allFinished).toBe(true);
  });

  it("that finishes while the others are still being started is not the last of all", async () => {
    const seen: boolean[] = [];
    const made: Assignment = new Assignment("per-partition", "t", ["a"], {
      start: async ({ name }) => {
        made.finished(name);
        seen.push(made.allFinished);
      },
      stop: async () => {},
      partitionCount: () => undefined,
      failed: () => {},
    });
    await made.listener("a").assigned(["0", "1", "2"], 1);
    expect(seen).toEqual([false, false, true]);
  });
});

describe("changes", () => {
  it("are made one after another, also when they are told at the same time", async () => {
    const { made, take } = assignment("one", ["a"]);
    const listener = made.listener("a");
    await Promise.all([listener.assigned(["0"], 1), listener.lost(["0"], 2), listener.assigned(["1"], 3)]);
    expect(take()).toEqual(["start t a:0", "stop t (moving)", "start t a:1"]);
    await made.settled();
  });

  it("that fail are told to whoever told of them, and to the run, and do not keep later ones from being made", async () => {
    const { made, failures, fail, take } = assignment("one", ["a"]);
    const error = new Error("no lease");
    fail(error);
    await expect(made.listener("a").assigned(["0"], 1)).rejects.toBe(error);
    expect(failures).toEqual([error]);
    fail(undefined);
    await made.listener("a").lost(["0"], 2);
    await made.listener("a").assigned(["0"], 3);
    expect(take()).toEqual(["stop t (moving)", "start t a:0"]);
  });

  it("of partitions nobody has are nothing", async () => {
    const { made, take } = assignment("one", ["a"]);
    await made.listener("a").lost(["0"], 1);
    await made.listener("a").assigned([], 2);
    expect(take()).toEqual([]);
  });
});
