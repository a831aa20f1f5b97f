import type { CumulativeBucket } from "./histogram.js";

export type MetricType = "counter" | "gauge" | "histogram";
export type Labels = Readonly<Record<string, string | number>>;

/** One line of a family, or the lines of one histogram. */
export interface Sample {
  readonly labels: Labels;
  readonly value:
    | number
    | { readonly buckets: readonly CumulativeBucket[]; readonly sum: number; readonly count: number };
}

/** All samples of one name, which the format wants together. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: readonly Sample[];
}

/** The content type to serve the text with. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Families as Prometheus text, format 0.0.4. Names are taken as they are; help and label values are escaped. */
export function prometheusText(families: Iterable<MetricFamily>): string {
  const lines: string[] = [];
  for (const { name, help, type, samples } of families) {
    if (samples.length === 0) continue;
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    for (const { labels, value } of samples) {
      if (typeof value === "number") lines.push(line(name, labels, value));
      else {
        for (const { bound, count } of value.buckets)
          lines.push(line(`${name}_bucket`, { ...labels, le: numberText(bound) }, count));
        lines.push(line(`${name}_bucket`, { ...labels, le: "+Inf" }, value.count));
        lines.push(line(`${name}_sum`, labels, value.sum), line(`${name}_count`, labels, value.count));
      }
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(String(text))}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberText(value)}`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
