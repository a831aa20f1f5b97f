import { describe, expect, it } from "vitest";
import { chart } from "./chart.js";
import { page, table } from "./report.js";
import type { Results } from "./results.js";
import { judge } from "./targets.js";

const rate = (median: number) => ({ median, spread: 0.05, n: 1_000 });
const RESULTS: Results = {
  machine: { cpu: "a <fast> CPU", cores: 2, node: "v20", date: "2026-01-01", rounds: 7 },
  skipped: { flink: "no java" },
  W1: { rxjs: rate(10e6), loop: rate(400e6), millrace: { ...rate(100e6), bytesPerValue: 8 } },
  W9: { millrace: { p50us: 2, p99us: 0.5 }, rxjs: { p50us: 0.1, p99us: 0.2 } },
};

describe("judge", () => {
  it("compares with the engine that a target names, one way or the other", () => {
    const outcomes = judge(RESULTS).map(({ workload, measured, held }) => [workload, measured, held]);
    expect(outcomes).toEqual([
      ["W1", 10, true],
      ["W1", 4, true],
      ["W9", 0.5, true],
      ["W9", 2, false],
    ]);
  });

  it("does not hold just beyond the limit, and says nothing of what was not measured", () => {
    const W1 = { millrace: rate(79e6), rxjs: rate(10e6), loop: rate(317e6) };
    expect(judge({ ...RESULTS, W1 }).map(({ held }) => held)).toEqual([false, false, true, false]);
    const { machine, skipped } = RESULTS;
    expect(judge({ machine, skipped })).toEqual([]);
  });
});

describe("the table and the page", () => {
  it("have the fastest first, and how far each is from us", () => {
    const lines = table(RESULTS).split("\n");
    expect(lines.slice(1, 4)).toEqual([
      "  loop                     400 M/s  ± 5 %  n 1000  4× faster",
      "  millrace                 100 M/s  ± 5 %  n 1000  1× slower  8 B a value",
      "  rxjs                      10 M/s  ± 5 %  n 1000  10× slower",
    ]);
    expect(lines.at(-1)).toBe("  rxjs                 p50us 0.1  p99us 0.2");
  });

  it("name the machine, what was left out and why, and the targets that were missed", () => {
    const text = page(RESULTS);
    expect(text).toContain("a <fast> CPU, 2 cores, Node v20, 2026-01-01, 7 rounds");
    expect(text).toContain("Left out: flink (no java).");
    expect(text).toContain("| W1 | times as fast as rxjs: at least 8 | 10 | yes |");
    expect(text).toContain("| W9 | p50us below that of rxjs | 2 | **no** |");
  });
});

describe("the chart", () => {
  it("has a bar for each rate, longer by as much for each ten times, and is well-formed", () => {
    const svg = chart(RESULTS);
    const widths = [...svg.matchAll(/<rect x="[^"]+" y="[^"]+" width="([^"]+)"/g)].map(([, width]) => Number(width));
    expect(widths).toHaveLength(3);
    const [loop, ours, rxjs] = widths as [number, number, number];
    expect((ours - rxjs) / (loop - ours)).toBeCloseTo(1 / Math.log10(4), 1);
    expect(svg).toContain("a &lt;fast&gt; CPU");
    expect(svg.match(/<svg/g)).toHaveLength(1);
    expect(svg.trimEnd().endsWith("</svg>")).toBe(true);
  });
});
