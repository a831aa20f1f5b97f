import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { prometheusText } from "./prometheus.js";

interface Parsed {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads format 0.0.4 as strictly as its description: anything else throws. */
function parse(text: string): Parsed[] {
  if (text !== "" && !text.endsWith("\n")) throw new Error("the last line must end with a line feed");
  const out: Parsed[] = [];
  let family = "";
  let type = "";
  const done = new Set<string>();
  for (const line of text.split("\n").slice(0, -1)) {
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\]|\\\\|\\n)*$/.exec(line);
    const typed = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/.exec(line);
    if (help !== null) {
      family = help[1] as string;
      if (done.has(family)) throw new Error(`${family} comes in two groups`);
      done.add(family);
    } else if (typed !== null) {
      if (typed[1] !== family) throw new Error("TYPE must follow HELP");
      type = typed[2] as string;
    } else out.push(parseSample(line, family, type));
  }
  return out;
}

function parseSample(line: string, family: string, type: string): Parsed {
  const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/su.exec(line);
  if (sample === null) throw new Error(`not a sample: ${line}`);
  const [, name, inner, number] = sample as unknown as [string, string, string | undefined, string];
  const suffixes = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  if (!suffixes.some((suffix) => name === family + suffix)) throw new Error(`${name} stands in the group of ${family}`);
  const labels: Record<string, string> = {};
  let rest = inner ?? "";
  while (rest !== "") {
    const pair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/u.exec(rest);
    if (pair === null) throw new Error(`not a label: ${rest}`);
    labels[pair[1] as string] = (pair[2] as string).replace(/\\(.)/gu, (_, c: string) => (c === "n" ? "\n" : c));
    rest = rest.slice(pair[0].length);
  }
  const special = { "+Inf": Number.POSITIVE_INFINITY, "-Inf": Number.NEGATIVE_INFINITY, NaN: Number.NaN }[number];
  if (special === undefined && !/^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(number)) throw new Error(`not a number: ${number}`);
  return { name, labels, value: special ?? Number(number) };
}

describe("prometheusText", () => {
  it("writes HELP, TYPE and samples", () => {
    const text = prometheusText([
      {
        name: "a_total",
        help: "How many.",
        type: "counter",
        samples: [
          { labels: { x: "1", y: 2 }, value: 3 },
          { labels: {}, value: 4 },
        ],
      },
    ]);
    expect(text).toBe('# HELP a_total How many.\n# TYPE a_total counter\na_total{x="1",y="2"} 3\na_total 4\n');
  });

  it("writes a histogram with cumulative buckets, +Inf, sum and count", () => {
    const value = {
      buckets: [
        { bound: 0.5, count: 1 },
        { bound: 1, count: 3 },
      ],
      sum: 12.5,
      count: 4,
    };
    const text = prometheusText([
      { name: "h_seconds", help: "h", type: "histogram", samples: [{ labels: { op: "map" }, value }] },
    ]);
    expect(text.split("\n").slice(2)).toEqual([
      'h_seconds_bucket{op="map",le="0.5"} 1',
      'h_seconds_bucket{op="map",le="1"} 3',
      'h_seconds_bucket{op="map",le="+Inf"} 4',
      'h_seconds_sum{op="map"} 12.5',
      'h_seconds_count{op="map"} 4',
      "",
    ]);
  });

  it("keeps any label value and help whole", () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constantFrom(
        '"',
        "\\",
        "\n",
        '\\"',
        "\\n",
        'a"} 1\nforged 2',
        "\r\n",
        "{}=,",
        "\u2028",
        "\0",
        "%",
        "é",
        "日本",
      ),
    );
    fc.assert(
      fc.property(hostile, hostile, fc.double(), (label, help, value) => {
        const [sample, ...others] = parse(
          prometheusText([{ name: "m", help, type: "gauge", samples: [{ labels: { l: label }, value }] }]),
        );
        expect(others).toEqual([]);
        expect(sample?.labels).toEqual({ l: label });
        expect(sample?.value === value || (value === 0 && sample?.value === 0) || Number.isNaN(value)).toBe(true);
      }),
    );
  });

  it("writes NaN and both infinities as the format names them", () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, 1e-9];
    const text = prometheusText([
      { name: "m", help: "", type: "gauge", samples: values.map((value, i) => ({ labels: { i }, value })) },
    ]);
    expect(parse(text).map(({ value }) => value)).toEqual(values);
    expect(text).toContain('m{i="0"} NaN\nm{i="1"} +Inf\nm{i="2"} -Inf\n');
  });

  it("leaves out families without samples, and writes nothing for nothing", () => {
    expect(prometheusText([{ name: "m", help: "", type: "gauge", samples: [] }])).toBe("");
    expect(prometheusText([])).toBe("");
  });
});
