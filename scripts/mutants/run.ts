import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "./mutants.js";
import { MUTANT_VARIABLE, mutantCalled } from "./plant.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const AT_ONCE = 2;
/** A mutant may make a test wait for ever: it has this long. */
const TEST_TIMEOUT_MS = 10_000;
const RUN_TIMEOUT_MS = 180_000;

interface Verdict {
  readonly mutant: Mutant;
  readonly caught: boolean;
  readonly seconds: number;
  /** What a mutant that was not caught did. */
  readonly remark: string;
}

/** What became of each test, by its full name. */
type Results = ReadonlyMap<string, string>;

/** Plants each mutant, runs the tests beside it, and fails unless the named one fails. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: "string", multiple: true } } });
  const mutants = values.only?.map(mutantCalled) ?? MUTANTS;
  const folder = mkdtempSync(join(tmpdir(), "mutants-"));
  const began = Date.now();
  try {
    await requireSound(mutants, folder);
    const verdicts = await inTurns(mutants, (mutant) => judge(mutant, folder));
    const survivors = verdicts.filter(({ caught }) => !caught);
    const seconds = Math.round((Date.now() - began) / 1000);
    console.log(`\n${mutants.length - survivors.length} of ${mutants.length} mutants caught in ${seconds} s`);
    for (const { mutant, remark } of survivors) console.error(`SURVIVED ${mutant.name}: ${remark}`);
    process.exitCode = survivors.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A test that fails without the fault shows nothing by failing with it. */
async function requireSound(mutants: readonly Mutant[], folder: string): Promise<void> {
  const results = await runTests(mutants, undefined, join(folder, "sound.json"));
  const wrong = mutants.map(({ caughtBy }) => caughtBy).filter((name) => results.get(name) !== "passed");
  if (wrong.length > 0)
    throw new Error(`these tests do not pass, or are not there, without any fault:\n  ${wrong.join("\n  ")}`);
  console.log(`without a fault ${new Set(mutants.map(({ caughtBy }) => caughtBy)).size} named tests pass\n`);
}

async function judge(mutant: Mutant, folder: string): Promise<Verdict> {
  const began = Date.now();
  let results: Results = new Map();
  let remark = "";
  try {
    results = await runTests([mutant], mutant.name, join(folder, `${mutant.name}.json`));
  } catch (error) {
    remark = String(error);
  }
  const caught = results.get(mutant.caughtBy) === "failed";
  const seconds = (Date.now() - began) / 1000;
  if (!caught && remark === "") remark = `"${mutant.caughtBy}" ${results.get(mutant.caughtBy) ?? "did not run"}`;
  console.log(
    `${caught ? "caught  " : "SURVIVED"}  ${mutant.name.padEnd(27)} ${seconds.toFixed(1).padStart(5)} s  ${mutant.fault}\n${" ".repeat(38)}${caught ? `by: ${mutant.caughtBy}` : remark}`,
  );
  return { mutant, caught, seconds, remark };
}

/** Runs the named tests of these mutants, with one of them planted or none. */
async function runTests(mutants: readonly Mutant[], planted: string | undefined, report: string): Promise<Results> {
  const files = new Set(mutants.flatMap(({ tests }) => tests));
  const names = new Set(mutants.map(({ caughtBy }) => caughtBy));
  const pattern = `^(${[...names].map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})$`;
  const output = await vitest(
    [...files, "-t", pattern, "--reporter=json", `--outputFile=${report}`],
    planted === undefined ? {} : { [MUTANT_VARIABLE]: planted },
  );
  return resultsOf(report, output);
}

function resultsOf(report: string, output: string): Results {
  let text: string;
  try {
    text = readFileSync(report, "utf8");
  } catch {
    throw new Error(`vitest left no report: ${output.slice(-500)}`);
  }
  const { testResults } = JSON.parse(text) as {
    testResults: { message: string; assertionResults: { fullName: string; status: string }[] }[];
  };
  const broken = testResults.find(({ message, assertionResults }) => message !== "" && assertionResults.length === 0);
  if (broken !== undefined) throw new Error(`a test file does not load: ${broken.message.slice(0, 500)}`);
  return new Map(
    testResults.flatMap((file) => file.assertionResults.map(({ fullName, status }) => [fullName, status] as const)),
  );
}

/** Resolves with what it printed, whatever came of it. */
function vitest(args: readonly string[], variables: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", ...args, "--maxWorkers=1", `--testTimeout=${TEST_TIMEOUT_MS}`],
    { cwd: ROOT, env: { ...process.env, ...variables }, stdio: ["ignore", "pipe", "pipe"], timeout: RUN_TIMEOUT_MS },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      output += chunk;
    });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve(output));
  });
}

async function inTurns<T, R>(inputs: readonly T[], work: (input: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...inputs.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

await main();
