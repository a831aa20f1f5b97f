import { type Logger, StreamError, WriteError } from "@millrace/core";
import { runBounded, scoreHere } from "./bounded.js";
import { scoreWithCrashes } from "./crash.js";
import { DataDirectory } from "./data-directory.js";
import { type DemoOptions, HELP, parseDemoOptions, UsageError } from "./demo-options.js";
import { runLive } from "./live.js";
import { Screen } from "./screen.js";
import { systemOf } from "./system-of.js";

const USAGE_CODE = 2;

async function main(args: readonly string[]): Promise<number> {
  const screen = new Screen(process.stdout);
  try {
    const options = parseDemoOptions(args);
    if (options === undefined) {
      screen.line(HELP);
      return 0;
    }
    return await demonstrate(options, screen);
  } catch (error) {
    screen.line();
    process.stderr.write(`${explained(error)}\n`);
    return error instanceof UsageError ? USAGE_CODE : 1;
  }
}

async function demonstrate(options: DemoOptions, screen: Screen): Promise<number> {
  screen.line("Millrace scoring demo. A SIMULATION: all citizens and all events are invented.");
  const directory = await DataDirectory.open(options);
  try {
    const { namespace } = directory.manifest;
    const onServers = namespace === null ? "" : `, on servers as ${namespace}`;
    screen.line(
      `Data: ${directory.path} (seed ${directory.manifest.seed}, ${directory.manifest.citizens} citizens${onServers})`,
    );
    const { remark } = await systemOf(directory.path, directory.manifest);
    if (remark !== undefined) screen.line(remark);
    const logger = loggerOn(screen);
    if (options.mode === "live") return await runLive(options, directory, screen, logger);
    return await runBounded(directory, screen, options.mode === "crash" ? scoreWithCrashes(screen) : scoreHere(logger));
  } finally {
    await directory.release();
  }
}

function loggerOn(screen: Screen): Logger {
  const say = (message: string, fields?: object): void =>
    screen.line(fields === undefined ? message : `${message} ${JSON.stringify(fields)}`);
  return { debug: () => {}, info: () => {}, warn: say, error: () => {} };
}

/** What went wrong, for people: our own errors say what to do, others come with their stack. */
function explained(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\nnpm run demo -- --help says what there is.`;
  if (error instanceof StreamError) return error.message;
  if (error instanceof WriteError) return `${error.code}: ${error.message}`;
  if (error instanceof Error)
    return error.message.startsWith("E_") || !("code" in error) ? error.message : (error.stack ?? error.message);
  return String(error);
}

process.exitCode = await main(process.argv.slice(2));
