import { defineConfig, type ViteUserConfig } from "vitest/config";

/** Packages meet each other's TypeScript source through this export condition, so that no test needs a build. */
const SOURCE_CONDITION = "millrace-source";

const config: ViteUserConfig = defineConfig({
  ssr: {
    // The rest of `conditions` is Vite's default, which giving any replaces. vitest starts its processes with the external
    // conditions, so that worker threads of a test find our source too.
    resolve: {
      conditions: [SOURCE_CONDITION, "module", "node", "development|production"],
      externalConditions: [SOURCE_CONDITION],
    },
  },
  test: {
    include: ["packages/**/*.test.ts", "scripts/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "**/*.server.test.ts"],
    pool: "forks",
    testTimeout: 20_000,
  },
});
export default config;
