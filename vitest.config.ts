import { defineConfig, type ViteUserConfig } from "vitest/config";
import { MUTANT_VARIABLE, planted } from "./scripts/mutants/plant.js";

/** Packages meet each other's TypeScript source through this export condition, so that no test needs a build. */
const SOURCE_CONDITION = "millrace-source";

/** `npm run test:mutants` plants one fault at a time; see docs/decisions/. */
const mutant = process.env[MUTANT_VARIABLE];

const config: ViteUserConfig = defineConfig({
  plugins: mutant === undefined ? [] : [planted(mutant)],
  ssr: {
    // The rest of `conditions` is Vite's default, which giving any replaces. vitest starts its processes with the external
    // conditions, so that worker threads of a test find our source too.
    resolve: {
      conditions: [SOURCE_CONDITION, "module", "node", "development|production"],
      externalConditions: [SOURCE_CONDITION],
    },
  },
  test: {
    include: ["packages/**/*.test.ts", "benchmarks/**/*.test.ts", "scripts/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "**/*.server.test.ts"],
    setupFiles: ["scripts/draws.ts"],
    pool: "forks",
    // By default one processor is left idle, which on a machine of two doubles the time.
    maxWorkers: "100%",
    // What a hanging test costs; no test is to be faster than a slow machine's disk.
    testTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
export default config;
