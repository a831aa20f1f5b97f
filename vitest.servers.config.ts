import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from "vitest/config";
import shared from "./vitest.config.js";

/** The servers of each folder with `*.server.test.ts`, by the names of `npm run testbed`, and the variables that say where they are. */
const VARIABLES: Readonly<Record<string, string>> = {
  kafka: "KAFKA_BROKERS",
  mongo: "MONGO_URL",
  influx: "INFLUX_URL",
  cassandra: "CASSANDRA_CONTACT_POINTS",
};
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  "packages/connectors/redpanda": ["kafka"],
  "packages/connectors/mongo": ["mongo"],
  "packages/connectors/influx": ["influx"],
  "packages/connectors/scylla": ["cassandra"],
  "packages/connectors/dgraph": [],
  "packages/scoring": ["kafka", "mongo", "influx", "cassandra"],
  examples: ["kafka", "mongo", "influx", "cassandra"],
};
/** Servers that are not to be had here: what needs them is left out, and only then. */
const skipped = new Set((process.env.TESTBED_SKIP ?? "").split(/[\s,]+/).filter((name) => name !== ""));

const projects = Object.entries(FOLDERS)
  .filter(([, servers]) => !servers.some((name) => skipped.has(name)))
  .map(
    ([folder, servers]): TestProjectInlineConfiguration => ({
      ...(shared.ssr === undefined ? {} : { ssr: shared.ssr }),
      test: {
        name: folder.slice(folder.lastIndexOf("/") + 1),
        include: [`${folder}/**/*.server.test.ts`],
        exclude: ["**/node_modules/**", "**/dist/**"],
        pool: "forks",
        // They share the servers and the machine: one file at a time gives the same times every time.
        fileParallelism: false,
        testTimeout: 120_000,
        hookTimeout: 120_000,
        setupFiles: ["testbed/require-servers.ts", "scripts/draws.ts"],
        env: { TESTBED_REQUIRES: servers.map((name) => `${name}:${VARIABLES[name]}`).join(",") },
      },
    }),
  );

const config: ViteUserConfig = defineConfig({ test: { projects, passWithNoTests: true } });
export default config;
