/** Every engine a workload can be run on, in the order of the tables. */
export const ENGINES = [
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
  "go-streams",
  "flink",
  "naive",
] as const;
export type Engine = (typeof ENGINES)[number];

/** What each name stands for, in words. */
export const ENGINE_TITLES: Readonly<Record<Engine, string>> = {
  loop: "hand-written loop",
  millrace: "Millrace",
  rxjs: "RxJS",
  most: "@most/core",
  effect: "Effect",
  ix: "IxJS (default build)",
  "ix-esnext": "IxJS (esnext build)",
  "streaming-iterables": "streaming-iterables",
  node: "Node stream.pipeline",
  web: "WHATWG TransformStream",
  asyncgen: "async generators",
  "go-streams": "go-streams",
  flink: "Flink MiniCluster",
  naive: "loop, naive windows",
};

/** A name as the user writes it; undefined: no such engine. */
export function engineOf(text: string): Engine | undefined {
  return ENGINES.find((engine) => engine === text);
}
