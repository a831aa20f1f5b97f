import { describe, expect, it } from "vitest";
import { sizeOf, WORKLOADS, workloadOf } from "./catalog.js";
import { parseOptions } from "./options.js";

const idsOf = (...args: string[]): string[] => parseOptions(args).workloads.map(({ id }) => id);

describe("parseOptions", () => {
  it("measures everything in seven rounds and writes no page unasked", () => {
    expect(parseOptions([])).toEqual({ workloads: WORKLOADS, rounds: 7, quick: false, report: false, again: false });
    expect(parseOptions(["--quick"])).toMatchObject({ rounds: 2, quick: true });
    expect(parseOptions(["--rounds", "3", "--report"])).toMatchObject({ rounds: 3, report: true });
  });

  it("--only takes a workload, or all of a connector", () => {
    expect(idsOf("--only", "redpanda")).toEqual(["redpanda-source", "redpanda-sink"]);
    expect(idsOf("--only", "influx-sink")).toEqual(["influx-sink"]);
    expect(idsOf("--only", "scylla-sink,mongo-sink")).toEqual(["mongo-sink", "scylla-sink"]);
  });

  it("refuses what is no workload, no number, and a page of a part", () => {
    expect(() => parseOptions(["--only", "kafka"])).toThrow("there is no workload kafka; there are redpanda-source");
    expect(() => parseOptions(["--rounds", "0"])).toThrow("--rounds must be a whole number from 1; it is 0");
    expect(() => parseOptions(["--report", "--quick"])).toThrow("--report is of all workloads");
  });
});

describe("sizeOf", () => {
  it("gives slow contenders fewer values, and a quick run a part of that", () => {
    const workload = workloadOf("redpanda-sink");
    if (workload === undefined) throw new Error("no workload redpanda-sink");
    expect(["loop", "await"].map((who) => sizeOf(workload, who as "loop", false))).toEqual([300_000, 500]);
    expect(["loop", "await"].map((who) => sizeOf(workload, who as "loop", true))).toEqual([4_000, 100]);
  });
});
