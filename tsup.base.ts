import type { Options } from "tsup";

/** What every package builds alike: one ESM bundle an entry, its declarations, and nothing for runtimes we do not run on. */
export function library(entries: Readonly<Record<string, string>>): Options {
  return {
    entry: { ...entries },
    format: "esm",
    target: "node20",
    platform: "node",
    dts: true,
    sourcemap: true,
    clean: true,
    splitting: true,
    treeshake: true,
  };
}
