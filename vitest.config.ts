import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig, type ViteUserConfig } from "vitest/config";

/** Packages meet each other's TypeScript source through this export condition, so that no test needs a build. */
const SOURCE_CONDITION = "millrace-source";

const config: ViteUserConfig = defineConfig({
  resolve: { conditions: [SOURCE_CONDITION, ...defaultClientConditions] },
  ssr: {
    resolve: { conditions: [SOURCE_CONDITION, ...defaultServerConditions], externalConditions: [SOURCE_CONDITION] },
  },
  test: {
    include: ["packages/**/*.test.ts", "scripts/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    pool: "forks",
    // Worker threads and child processes that a test starts inherit this and find the source of our packages too.
    execArgv: [`--conditions=${SOURCE_CONDITION}`],
    testTimeout: 20_000,
  },
});
export default config;
