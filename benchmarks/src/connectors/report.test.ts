import { describe, expect, it } from "vitest";
import { page, table } from "./report.js";
import type { ConnectorResults } from "./results.js";

const spread = 0.05;
const rates = { cpu: { median: 100_000, spread }, wall: { median: 50_000, spread }, n: 60_000 };
const RESULTS: ConnectorResults = {
  machine: { cpu: "a CPU", cores: 2, node: "v20", date: "2026-01-01", rounds: 7 },
  load: 0.1,
  skipped: { dgraph: "DGRAPH_STAND_IN_URL is not set" },
  workloads: {
    "mongo-sink": { loop: rates, millrace: { ...rates, ofLoop: { median: 0.899, spread: 0.2 } } },
    "redpanda-source": { loop: rates, millrace: { ...rates, ofLoop: { median: 0.9, spread: 0.2 } } },
  },
};

describe("page", () => {
  it("names the machine, what was left out and why, and who held the target", () => {
    const text = page(RESULTS);
    expect(text).toContain("a CPU, 2 cores, Node v20, 2026-01-01, 7 rounds");
    expect(text).toContain("Left out: dgraph (DGRAPH_STAND_IN_URL is not set).");
    expect(text).toContain("| redpanda-source | 0.90 | yes |");
    expect(text).toContain("| mongo-sink | 0.90 | **no** |");
    expect(text).toContain("| **Millrace** | 100,000 | 5 % | 50,000 | 5 % | 0.90 | 20 % | 60,000 |");
  });

  it("says that others used the machine only if they did", () => {
    expect(page(RESULTS)).not.toContain("Other programs used the machine");
    expect(page({ ...RESULTS, load: 3.456 })).toContain("3.46 processes wanted to run on its 2 cores");
  });
});

describe("table", () => {
  it("has a line for each contender", () => {
    const lines = table(RESULTS).split("\n");
    expect(lines[0]).toMatch(/^redpanda-source {2}/);
    expect(lines[2]).toContain("0.90 of the loop ±20 %");
    expect(lines).toHaveLength(7);
  });
});
