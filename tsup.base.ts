import { fileURLToPath } from "node:url";
import type { Options } from "tsup";

/** What every package builds alike: one ESM bundle an entry, its declarations, and nothing for runtimes we do not run on. */
export function library(entries: Readonly<Record<string, string>>): Options {
  return {
    entry: { ...entries },
    format: "esm",
    target: "node20",
    platform: "node",
    dts: true,
    // Against the declarations that the packages below have built, as a user compiles; their source would be checked once a package.
    tsconfig: fileURLToPath(new URL("tsconfig.build.json", import.meta.url)),
    sourcemap: true,
    clean: true,
    splitting: true,
    treeshake: true,
    // Without its prefix `node:test` is another package.
    removeNodeProtocol: false,
  };
}
