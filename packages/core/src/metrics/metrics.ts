import { requireArgument } from "../errors.js";
import type { OperatorCounters } from "../stage.js";
import { Histogram } from "./histogram.js";
import type { Labels, MetricFamily, MetricType, Sample } from "./prometheus.js";
import { prometheusText } from "./prometheus.js";

/** What a run has counted and measured. */
export interface Metrics {
  /** Everything as Prometheus text (format 0.0.4), to be served as `text/plain; version=0.0.4`. Times are in seconds. */
  toPrometheus(): string;
}

/** A number that only grows. */
export interface Counter {
  value: number;
}

interface Family {
  readonly help: string;
  readonly type: MetricType;
  readonly series: Map<string, Series>;
}

interface Series {
  readonly labels: Labels;
  /** What is asked at each scrape; undefined leaves the sample out. */
  readonly read: () => Sample["value"] | undefined;
  readonly target: Histogram | Counter | undefined;
}

const PREFIX = "millrace_";
const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Partitions and operators are few; more series than this are a label that should not be one. */
const MAX_SERIES = 100_000;

const OPERATOR_METRICS: readonly (readonly [field: keyof OperatorCounters, name: string, help: string])[] = [
  ["in", "operator_values_in_total", "Values an operator received."],
  ["out", "operator_values_out_total", "Values an operator emitted."],
  ["late", "operator_late_total", "Values that came too late for all of their windows."],
  ["latePartial", "operator_late_partial_total", "Values that came too late for some of their windows."],
  ["skipped", "operator_skipped_total", "Values passed over by an error policy."],
  ["failed", "operator_failed_total", "Values whose processing failed for good."],
  ["cacheHits", "operator_cache_hits_total", "Values that a lookup answered from its cache."],
  ["cacheMisses", "operator_cache_misses_total", "Values that a lookup had to ask its table for."],
];

/**
 * The metrics of one run. Counters are plain objects that the engine adds to once a batch; gauges are functions asked at each
 * scrape. Every sample carries the label `topology`; names get the prefix `millrace_`.
 *
 * @example
 * ```ts
 * import { MetricsRegistry } from "./metrics.js";
 * const registry = new MetricsRegistry("orders");
 * registry.counters("map").in += 256;
 * const remove = registry.gauge("channel_fill_ratio", "How full a channel is.", { channel: "map" }, () => 0.5);
 * registry.histogram("checkpoint_duration_seconds", "How long checkpoints take.").record(0.2);
 * console.log(registry.toPrometheus());
 * remove();
 * ```
 */
export class MetricsRegistry implements Metrics {
  readonly #topology: string;
  readonly #operators = new Map<string, OperatorCounters>();
  readonly #families = new Map<string, Family>();
  #series = 0;

  constructor(topology: string) {
    this.#topology = topology;
  }

  /** The counters of an operator: the same object at every call. */
  counters(operator: string): OperatorCounters {
    let counters = this.#operators.get(operator);
    if (counters === undefined) {
      counters = { in: 0, out: 0, late: 0, latePartial: 0, skipped: 0, failed: 0 };
      this.#operators.set(operator, counters);
    }
    return counters;
  }

  /** All operators with what they counted until now, in the order they were first asked for. */
  operators(): ({ readonly id: string } & Readonly<OperatorCounters>)[] {
    return Array.from(this.#operators, ([id, counters]) => ({ id, ...counters }));
  }

  /** A counter: the same object for the same name and labels. By custom its name ends in `_total`. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const counter: Counter = { value: 0 };
    const series = this.#add(name, help, "counter", { labels, read: () => counter.value, target: counter });
    return series.target as Counter;
  }

  /**
   * A number asked for at each scrape; `read` may answer undefined for "not known yet", and a `read` that throws leaves its sample
   * out. A gauge of the same name and labels is replaced. Returns a function that removes it again.
   */
  gauge(name: string, help: string, labels: Labels, read: () => number | undefined): () => void {
    this.#remove(name, labels);
    const series = this.#add(name, help, "gauge", { labels, read: () => quietly(read), target: undefined });
    return () => {
      if (this.#families.get(fullName(name))?.series.get(seriesKey(labels)) === series) this.#remove(name, labels);
    };
  }

  /** A histogram: the same object for the same name and labels. By custom its name ends in a unit, such as `_seconds`. */
  histogram(name: string, help: string, labels: Labels = {}): Histogram {
    const histogram = new Histogram();
    const read = (): Sample["value"] => ({ buckets: histogram.buckets(), sum: histogram.sum, count: histogram.count });
    const series = this.#add(name, help, "histogram", { labels, read, target: histogram });
    return series.target as Histogram;
  }

  toPrometheus(): string {
    return prometheusText([...this.#operatorFamilies(), ...this.#otherFamilies()]);
  }

  *#operatorFamilies(): Generator<MetricFamily> {
    for (const [field, name, help] of OPERATOR_METRICS) {
      const samples = [...this.#operators].flatMap(([operator, { [field]: value }]) =>
        value === undefined ? [] : [{ labels: { topology: this.#topology, operator }, value }],
      );
      if (samples.length > 0) yield { name: PREFIX + name, help, type: "counter", samples };
    }
  }

  *#otherFamilies(): Generator<MetricFamily> {
    for (const [name, { help, type, series }] of this.#families) {
      const samples: Sample[] = [];
      for (const { labels, read } of series.values()) {
        const value = read();
        if (value !== undefined) samples.push({ labels: { topology: this.#topology, ...labels }, value });
      }
      yield { name, help, type, samples };
    }
  }

  #add(name: string, help: string, type: MetricType, series: Series): Series {
    const full = fullName(name);
    requireArgument(NAME.test(full), `the metric name ${JSON.stringify(name)} may hold letters, digits and _ only`);
    requireArgument(
      !OPERATOR_METRICS.some(([, taken]) => PREFIX + taken === full),
      `the metric "${full}" is one of the engine's own`,
    );
    for (const label of Object.keys(series.labels)) {
      requireArgument(
        NAME.test(label) && !label.startsWith("__") && label !== "topology" && label !== "le",
        `the label ${JSON.stringify(label)} of metric "${full}" may hold letters, digits and _ only, not begin with __, and not be "topology" or "le"`,
      );
    }
    const family: Family = this.#families.get(full) ?? { help, type, series: new Map() };
    requireArgument(
      family.type === type,
      `the metric "${full}" is a ${family.type} already and can not be a ${type} too`,
    );
    const key = seriesKey(series.labels);
    const known = family.series.get(key);
    if (known !== undefined) return known;
    requireArgument(
      this.#series < MAX_SERIES,
      `metric "${full}" would be series number ${MAX_SERIES + 1}: a label takes too many values`,
    );
    this.#families.set(full, family);
    family.series.set(key, series);
    this.#series++;
    return series;
  }

  #remove(name: string, labels: Labels): void {
    if (this.#families.get(fullName(name))?.series.delete(seriesKey(labels)) === true) this.#series--;
  }
}

function fullName(name: string): string {
  return name.startsWith(PREFIX) ? name : PREFIX + name;
}

/** Equal for equal labels in whatever order. */
function seriesKey(labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => [label, String(value)] as const);
  return JSON.stringify(pairs.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** A scrape shows what it can: one broken gauge must not hide the others. */
function quietly(read: () => number | undefined): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
