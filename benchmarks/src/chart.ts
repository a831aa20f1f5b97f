import { WORKLOADS } from "./catalog.js";
import { ENGINES, type Engine } from "./engine.js";
import { machineLine } from "./report.js";
import { isRate, type Results, type WorkloadResults } from "./results.js";

const COLUMNS = 3;
const PANEL = { width: 330, gap: 24, top: 44, row: 17, label: 118 } as const;
const MARGIN = { side: 24, top: 64, bottom: 24 } as const;
/** One decade of rates has this many pixels at most; a panel begins at a full decade. */
const BAR_WIDTH = PANEL.width - PANEL.label - 52;
const COLORS = {
  ours: "#0b6e75",
  theirs: "#9aa5ab",
  text: "#22303a",
  quiet: "#66737c",
  page: "#ffffff",
  grid: "#e4e8ea",
} as const;

interface Bar {
  readonly engine: Engine;
  readonly rate: number;
}

/** The rates of all workloads as bars, a panel each, on logarithmic scales. */
export function chart(results: Results): string {
  const panels = WORKLOADS.flatMap(({ id, title }) => {
    const bars = barsOf(results[id as `W${string}`] ?? {});
    return bars.length === 0 ? [] : [{ id, title, bars }];
  });
  const width = MARGIN.side * 2 + COLUMNS * PANEL.width + (COLUMNS - 1) * PANEL.gap;
  let y: number = MARGIN.top;
  const drawn: string[] = [];
  for (let from = 0; from < panels.length; from += COLUMNS) {
    const row = panels.slice(from, from + COLUMNS);
    row.forEach(({ id, title, bars }, column) => {
      drawn.push(panel(MARGIN.side + column * (PANEL.width + PANEL.gap), y, `${id}  ${title}`, bars));
    });
    y += PANEL.top + Math.max(...row.map(({ bars }) => bars.length)) * PANEL.row + PANEL.gap;
  }
  const height = y + MARGIN.bottom;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">`,
    "<title>Values a second of CPU time, by workload and engine</title>",
    `<rect width="${width}" height="${height}" fill="${COLORS.page}"/>`,
    text(MARGIN.side, 28, "Million values a second of CPU time (logarithmic)", { size: 16, weight: 600 }),
    text(MARGIN.side, 46, machineLine(results.machine), { size: 11, fill: COLORS.quiet }),
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

function barsOf(results: WorkloadResults): readonly Bar[] {
  return ENGINES.flatMap((engine): Bar[] => {
    const result = results[engine];
    return isRate(result) ? [{ engine, rate: result.median }] : [];
  }).sort((left, right) => right.rate - left.rate);
}

function panel(x: number, y: number, title: string, bars: readonly Bar[]): string {
  const rates = bars.map(({ rate }) => rate);
  const low = Math.floor(Math.log10(Math.min(...rates)) - 0.15);
  const high = Math.ceil(Math.log10(Math.max(...rates)));
  const widthOf = (rate: number): number => ((Math.log10(rate) - low) / (high - low)) * BAR_WIDTH;
  const top = y + 14;
  const grid = Array.from({ length: high - low + 1 }, (_, decade) => {
    const at = x + PANEL.label + (decade / (high - low)) * BAR_WIDTH;
    return `<line x1="${n(at)}" y1="${top}" x2="${n(at)}" y2="${top + bars.length * PANEL.row}" stroke="${COLORS.grid}"/>`;
  });
  const rows = bars.flatMap(({ engine, rate }, i) => {
    const at = top + i * PANEL.row;
    const ours = engine === "millrace";
    const fill = ours ? COLORS.ours : COLORS.theirs;
    const weight = ours ? 600 : 400;
    return [
      text(x + PANEL.label - 6, at + 12, engine, { size: 11, anchor: "end", weight }),
      `<rect x="${x + PANEL.label}" y="${at + 3}" width="${n(widthOf(rate))}" height="${PANEL.row - 6}" rx="2" fill="${fill}"/>`,
      text(x + PANEL.label + widthOf(rate) + 5, at + 12, (rate / 1e6).toPrecision(3), {
        size: 10,
        fill: COLORS.quiet,
        weight,
      }),
    ];
  });
  return [text(x, y + 4, shorten(title), { size: 12, weight: 600 }), ...grid, ...rows].join("\n");
}

interface TextStyle {
  readonly size: number;
  readonly weight?: number;
  readonly fill?: string;
  readonly anchor?: "end";
}

function text(
  x: number,
  y: number,
  content: string,
  { size, weight = 400, fill = COLORS.text, anchor }: TextStyle,
): string {
  const end = anchor === undefined ? "" : ` text-anchor="${anchor}"`;
  return `<text x="${n(x)}" y="${n(y)}" font-size="${size}" font-weight="${weight}" fill="${fill}"${end}>${escapeText(content)}</text>`;
}

function shorten(title: string): string {
  return title.length <= 44 ? title : `${title.slice(0, 43)}…`;
}

function escapeText(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function n(value: number): string {
  return String(Number(value.toFixed(1)));
}
