import { describe, expect, it } from "vitest";
import { MetricsRegistry } from "./metrics.js";

const lines = (registry: MetricsRegistry, prefix: string): string[] =>
  registry
    .toPrometheus()
    .split("\n")
    .filter((line) => line.startsWith(prefix));

describe("MetricsRegistry", () => {
  it("shares an operator's counters and shows what the engine adds", () => {
    const registry = new MetricsRegistry("orders");
    registry.counters("map").in += 3;
    registry.counters("map").latePartial += 1;
    expect(registry.operators()).toEqual([
      { id: "map", in: 3, out: 0, late: 0, latePartial: 1, skipped: 0, failed: 0 },
    ]);
    expect(lines(registry, "millrace_operator_values_in_total")).toEqual([
      'millrace_operator_values_in_total{topology="orders",operator="map"} 3',
    ]);
    expect(lines(registry, "millrace_operator_late_partial_total")).toEqual([
      'millrace_operator_late_partial_total{topology="orders",operator="map"} 1',
    ]);
  });

  it("shows the cache of a lookup, and nothing of it for other operators", () => {
    const registry = new MetricsRegistry("t");
    registry.counters("map");
    expect(registry.toPrometheus()).not.toContain("cache");
    Object.assign(registry.counters("profiles"), { cacheHits: 95, cacheMisses: 5 });
    const lines = registry
      .toPrometheus()
      .split("\n")
      .filter((line) => line.includes("cache") && !line.startsWith("#"));
    expect(lines).toEqual([
      'millrace_operator_cache_hits_total{topology="t",operator="profiles"} 95',
      'millrace_operator_cache_misses_total{topology="t",operator="profiles"} 5',
    ]);
  });

  it("keeps the samples of a name together however they were registered", () => {
    const registry = new MetricsRegistry("t");
    registry.gauge("fill", "Fill.", { channel: "a" }, () => 1);
    registry.counter("epochs_total", "Epochs.").value += 2;
    registry.gauge("fill", "Fill.", { channel: "b" }, () => 2);
    expect(registry.toPrometheus()).toBe(
      [
        "# HELP millrace_fill Fill.",
        "# TYPE millrace_fill gauge",
        'millrace_fill{topology="t",channel="a"} 1',
        'millrace_fill{topology="t",channel="b"} 2',
        "# HELP millrace_epochs_total Epochs.",
        "# TYPE millrace_epochs_total counter",
        'millrace_epochs_total{topology="t"} 2',
        "",
      ].join("\n"),
    );
  });

  it("asks a gauge at each scrape, and leaves out what is unknown or broken", () => {
    const registry = new MetricsRegistry("t");
    let age: number | undefined;
    registry.gauge("age_seconds", "Age.", {}, () => age);
    registry.gauge("broken", "Broken.", {}, () => {
      throw new Error("no");
    });
    registry.gauge("sound", "Sound.", {}, () => 1);
    expect(registry.toPrometheus()).not.toContain("age_seconds");
    age = 5;
    expect(lines(registry, "millrace_age_seconds")).toEqual(['millrace_age_seconds{topology="t"} 5']);
    expect(registry.toPrometheus()).not.toContain("broken");
    expect(lines(registry, "millrace_sound")).toHaveLength(1);
  });

  it("replaces a gauge of the same labels, and the old remover leaves the new one alone", () => {
    const registry = new MetricsRegistry("t");
    const removeOld = registry.gauge("lag", "Lag.", { partition: 0, source: "s" }, () => 1);
    const removeNew = registry.gauge("lag", "Lag.", { source: "s", partition: "0" }, () => 2);
    removeOld();
    expect(lines(registry, "millrace_lag")).toEqual(['millrace_lag{topology="t",source="s",partition="0"} 2']);
    removeNew();
    expect(registry.toPrometheus()).toBe("");
  });

  it("gives the same histogram and counter for the same labels", () => {
    const registry = new MetricsRegistry("t");
    const latency = registry.histogram("latency_seconds", "Latency.", { sink: "db" });
    expect(registry.histogram("latency_seconds", "Latency.", { sink: "db" })).toBe(latency);
    expect(registry.histogram("latency_seconds", "Latency.", { sink: "other" })).not.toBe(latency);
    const counter = registry.counter("x_total", "X.");
    expect(registry.counter("x_total", "X.")).toBe(counter);
    latency.record(0.25);
    expect(lines(registry, 'millrace_latency_seconds_count{topology="t",sink="db"}')).toEqual([
      'millrace_latency_seconds_count{topology="t",sink="db"} 1',
    ]);
    expect(lines(registry, 'millrace_latency_seconds_bucket{topology="t",sink="db",le="+Inf"}')).toHaveLength(1);
  });

  it("adds the prefix once", () => {
    const registry = new MetricsRegistry("t");
    registry.counter("millrace_x_total", "X.").value = 1;
    expect(registry.counter("x_total", "X.").value).toBe(1);
  });

  it.each([["a-b"], ["a b"], ["ä"], ['a"'], ["a\n"]])("refuses the name %j", (name) => {
    expect(() => new MetricsRegistry("t").counter(name, "")).toThrow(/E_ARGUMENT.*metric name/s);
  });

  it.each([["a-b"], ["__a"], ["le"], ["topology"], [""]])("refuses the label %j", (label) => {
    expect(() => new MetricsRegistry("t").counter("x", "", { [label]: "1" })).toThrow(/E_ARGUMENT.*label/s);
  });

  it("refuses one name with two types, and a name of the engine's own", () => {
    const registry = new MetricsRegistry("t");
    registry.counter("x", "");
    expect(() => registry.gauge("x", "", {}, () => 1)).toThrow(/E_ARGUMENT.*counter already/);
    expect(() => registry.counter("operator_values_in_total", "")).toThrow(/E_ARGUMENT.*engine's own/);
  });

  it("refuses a label that takes too many values", () => {
    const registry = new MetricsRegistry("t");
    for (let i = 0; i < 100_000; i++) registry.counter("x_total", "", { user: i });
    expect(() => registry.counter("x_total", "", { user: -1 })).toThrow(/E_ARGUMENT.*too many/);
    expect(registry.counter("x_total", "", { user: 5 }).value).toBe(0);
  });

  it("keeps a hostile topology or operator name inside its label", () => {
    const registry = new MetricsRegistry('t"\n');
    registry.counters('x"} 1\nforged');
    expect(lines(registry, "forged")).toEqual([]);
    expect(lines(registry, "millrace_operator_values_in_total")).toEqual([
      'millrace_operator_values_in_total{topology="t\\"\\n",operator="x\\"} 1\\nforged"} 0',
    ]);
  });
});
