import { defineConfig, type Options } from "tsup";

// Compiled file by file, not run through a loader: a loader that keeps function names would make every closure dearer.
const config: Options | readonly Options[] = defineConfig({
  entry: ["src/**/*.ts", "!src/**/*.test.ts"],
  bundle: false,
  format: "esm",
  target: "node20",
  platform: "node",
  clean: true,
  silent: true,
}) as Options;
export default config;
