import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildPackages, CORE_PACKAGES } from "./build-core.js";
import { chart } from "./chart.js";
import { type Options, parseOptions, USAGE } from "./options.js";
import { page, table } from "./report.js";
import type { Results } from "./results.js";
import { run } from "./run.js";

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function writeDocs(results: Results): void {
  writeFileSync(`${DOCS}benchmarks.md`, page(results));
  writeFileSync(`${DOCS}benchmarks.svg`, chart(results));
  say(`wrote docs/benchmarks.md and docs/benchmarks.svg`);
}

async function main(options: Options): Promise<void> {
  if (options.report !== undefined) {
    writeDocs(JSON.parse(readFileSync(options.report, "utf8")) as Results);
    return;
  }
  await buildPackages(say, CORE_PACKAGES);
  const results = await run(options, say);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  process.stdout.write(`${table(results)}\n`);
  if (options.whole) writeDocs(results);
}

try {
  await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  say(USAGE);
  process.exitCode = 1;
}
