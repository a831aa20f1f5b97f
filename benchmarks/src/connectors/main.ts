import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildPackages } from "../build-core.js";
import { type Options, parseOptions, USAGE } from "./options.js";
import { page, table } from "./report.js";
import type { ConnectorResults } from "./results.js";
import { run } from "./run.js";

const PAGE = fileURLToPath(new URL("../../../docs/benchmarks-connectors.md", import.meta.url));
const NUMBERS = fileURLToPath(new URL("../../../docs/benchmarks-connectors.json", import.meta.url));
const PACKAGES = ["redpanda", "mongo", "influx", "scylla", "dgraph"].map((name) => `packages/connectors/${name}`);

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function writePage(results: ConnectorResults): void {
  writeFileSync(PAGE, page(results));
  say("wrote docs/benchmarks-connectors.md");
}

async function main(options: Options): Promise<void> {
  if (options.again) {
    writePage(JSON.parse(readFileSync(NUMBERS, "utf8")) as ConnectorResults);
    return;
  }
  await buildPackages(say, ["packages/core", ...PACKAGES]);
  const results = await run(options, say, process.env);
  process.stdout.write(`${table(results)}\n`);
  if (!options.report) return;
  writeFileSync(NUMBERS, `${JSON.stringify(results, null, 2)}\n`);
  writePage(results);
}

function optionsOf(args: readonly string[]): Options | undefined {
  try {
    return parseOptions(args);
  } catch (error) {
    say(`${messageOf(error)}\n\n${USAGE}`);
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const options = optionsOf(process.argv.slice(2));
try {
  if (options === undefined) process.exitCode = 1;
  else await main(options);
} catch (error) {
  say(messageOf(error));
  process.exitCode = 1;
}
