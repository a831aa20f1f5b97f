import type { Engine } from "./engine.js";
import type { Workload } from "./workload.js";

const IN_PROCESS: readonly Engine[] = [
  "loop",
  "millrace",
  "rxjs",
  "most",
  "effect",
  "ix",
  "ix-esnext",
  "streaming-iterables",
  "node",
  "web",
  "asyncgen",
];
const without = (...left: readonly Engine[]): readonly Engine[] =>
  IN_PROCESS.filter((engine) => !left.includes(engine));

/** Engines that would need minutes for what the fast ones do in a second. */
const SLOW = {
  ix: 50_000,
  "ix-esnext": 200_000,
  "streaming-iterables": 300_000,
  web: 50_000,
  asyncgen: 400_000,
  "go-streams": 300_000,
};

/** What each workload asks, of whom, and with how many values. */
export const WORKLOADS: readonly Workload[] = [
  {
    id: "W1",
    title: "map → filter → map → reduce",
    kind: "rate",
    folder: "w1-map-filter-reduce",
    engines: [...IN_PROCESS, "go-streams"],
    sizes: { full: 10_000_000, quick: 4_000_000 },
    fewer: { ...SLOW, node: 1_000_000 },
    polluted: true,
  },
  {
    id: "W2",
    title: "20 maps",
    kind: "rate",
    folder: "w2-twenty-maps",
    engines: [...IN_PROCESS, "go-streams"],
    sizes: { full: 10_000_000, quick: 4_000_000 },
    fewer: {
      rxjs: 2_000_000,
      most: 4_000_000,
      effect: 2_000_000,
      ix: 10_000,
      "ix-esnext": 40_000,
      "streaming-iterables": 50_000,
      node: 100_000,
      web: 10_000,
      asyncgen: 50_000,
      "go-streams": 50_000,
    },
    polluted: true,
  },
  {
    id: "W3",
    title: "flatMap (2 for each) → batch of 100 → map",
    kind: "rate",
    folder: "w3-flat-map-batch",
    engines: [...without("most"), "go-streams"],
    sizes: { full: 4_000_000, quick: 2_000_000 },
    fewer: {
      ...SLOW,
      rxjs: 1_000_000,
      effect: 400_000,
      ix: 30_000,
      "ix-esnext": 100_000,
      web: 30_000,
      node: 1_000_000,
      "go-streams": 200_000,
    },
    polluted: true,
  },
  {
    id: "W4micro",
    title: "async map, 64 at a time, a microtask each",
    kind: "rate",
    folder: "w4-async-map",
    engines: [...without("web", "asyncgen"), "go-streams"],
    sizes: { full: 500_000, quick: 100_000 },
    fewer: {
      rxjs: 50_000,
      most: 100_000,
      effect: 100_000,
      ix: 10_000,
      "ix-esnext": 20_000,
      "streaming-iterables": 200_000,
      node: 100_000,
      "go-streams": 200_000,
    },
  },
  {
    id: "W4immediate",
    title: "async map, 64 at a time, a setImmediate each",
    kind: "rate",
    folder: "w4-async-map",
    engines: without("web", "asyncgen"),
    sizes: { full: 200_000, quick: 50_000 },
    fewer: {
      rxjs: 50_000,
      most: 50_000,
      effect: 50_000,
      ix: 10_000,
      "ix-esnext": 20_000,
      "streaming-iterables": 100_000,
      node: 50_000,
    },
  },
  {
    id: "W4timer",
    title: "async map, 64 at a time, a timer of 1 ms each",
    kind: "rate",
    folder: "w4-async-map",
    engines: [...without("web", "asyncgen"), "go-streams"],
    sizes: { full: 50_000, quick: 20_000 },
    fewer: { rxjs: 20_000, ix: 10_000, "ix-esnext": 10_000 },
  },
  {
    id: "W5",
    title: "JSON → filter → 10,000 keys → tumbling minutes, count and sum",
    kind: "rate",
    folder: "w5-tumbling-windows",
    engines: [...IN_PROCESS, "go-streams", "flink"],
    sizes: { full: 500_000, quick: 100_000 },
    fewer: { ix: 50_000, "ix-esnext": 100_000, web: 100_000, "go-streams": 200_000 },
  },
  {
    id: "W5p",
    title: "the same with events parsed before",
    kind: "rate",
    folder: "w5-tumbling-windows",
    engines: [...IN_PROCESS, "go-streams"],
    sizes: { full: 500_000, quick: 100_000 },
    fewer: { ix: 50_000, "ix-esnext": 100_000, web: 100_000, "go-streams": 200_000 },
  },
  {
    id: "W6",
    title: "10,000 keys → sliding 10 min every 1 min, count and sum, parsed before",
    kind: "rate",
    folder: "w6-sliding-windows",
    engines: ["loop", "millrace", "naive", "flink"],
    sizes: { full: 500_000, quick: 100_000 },
  },
  {
    id: "W6json",
    title: "the same from JSON",
    kind: "rate",
    folder: "w6-sliding-windows",
    engines: ["loop", "millrace", "naive", "flink"],
    sizes: { full: 500_000, quick: 100_000 },
  },
  {
    id: "W7",
    title: "merge 4 → fan-out 3 → map → reduce",
    kind: "rate",
    folder: "w7-merge-fan-out",
    engines: [...without("streaming-iterables", "asyncgen"), "go-streams"],
    sizes: { full: 4_000_000, quick: 2_000_000 },
    fewer: { ix: 20_000, "ix-esnext": 40_000, node: 400_000, web: 20_000, "go-streams": 200_000 },
  },
  {
    id: "W8",
    title: "chunks of 1,000 → map → filter → map → reduce",
    kind: "rate",
    folder: "w8-chunked-source",
    engines: without("most"),
    sizes: { full: 10_000_000, quick: 4_000_000 },
    fewer: { ...SLOW, node: 1_000_000 },
    allocations: true,
  },
  {
    id: "W9",
    title: "one value at a time through 5 stages",
    kind: "latency",
    folder: "w9-latency",
    engines: [...IN_PROCESS, "go-streams"],
    sizes: { full: 100_000, quick: 20_000 },
  },
  {
    id: "W10",
    title: "checkpoint of 1,000,000 keys of which 1,000, 10,000 or 100,000 have changed",
    kind: "checkpoint",
    folder: "w10-checkpoint",
    engines: ["millrace"],
    sizes: { full: 1_000_000, quick: 100_000 },
  },
];

/** What `--quick` runs. */
export const QUICK_WORKLOADS: readonly string[] = ["W1", "W2", "W3", "W5", "W7", "W8"];
export const QUICK_ENGINES: readonly Engine[] = ["loop", "millrace", "rxjs", "most", "go-streams"];

/** Undefined: there is no such workload. */
export function workloadOf(id: string): Workload | undefined {
  return WORKLOADS.find((workload) => workload.id === id);
}
