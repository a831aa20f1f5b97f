import { join } from "node:path";
import { parseArgs } from "node:util";

/** What the demo is asked to do. */
export interface DemoOptions {
  /** "live" until Ctrl-C, "once" to the end of a log, "crash": once, with the pipeline killed again and again. */
  readonly mode: "live" | "once" | "crash";
  readonly directory: string;
  readonly seed: number;
  /** Messages in the log of a bounded run; undefined: what the directory holds. */
  readonly events: number | undefined;
  /** Messages published a second, live. */
  readonly rate: number;
  readonly citizens: number;
  /** The data lies on servers, not in files. */
  readonly servers: boolean;
}

const DEFAULT_EVENTS = 200_000;
const MAX_EVENTS = 100_000_000;
const MAX_CITIZENS = 1_000_000;
const MAX_RATE = 100_000;

export const HELP: string = `Millrace scoring demo: a SIMULATED social-credit system. All citizens and events are invented.

  npm run demo                                 live, until Ctrl-C; the next start goes on where this one ended
  npm run demo -- --events 200000 --once       score a log of 200,000 messages, then compare every store with the oracle
  npm run demo -- --events 200000 --crash      the same, while the pipeline is killed with SIGKILL at random moments

  npm run demo -- --servers ...                any of these on servers: Kafka, MongoDB, Cassandra, InfluxDB
                                               (npm run testbed -- up kafka mongo cassandra influx
                                               eval "$(npm run --silent testbed -- env)")

Options
  --once          a bounded run; exit code 0 only when every store equals the oracle
  --crash         a bounded run whose pipeline process is killed at least 10 times and started again
  --events N      messages in the log of a bounded run (default ${DEFAULT_EVENTS}); implies --once
  --servers       on servers, under names of this run alone; addresses come from the environment
  --rate N        messages a second, live (default 500)
  --citizens N    how many simulated citizens there are (default 2000)
  --seed N        what happens depends on this only (default 1)
  --data DIR      where the data lies (default .millrace/live, .millrace/once-N-seed-S, .millrace/crash-N-seed-S,
                  with servers- before the last part)
  --help          this text

A live run in DIR can be checked afterwards: npm run demo -- --once --data DIR`;

/** The arguments can not be understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Reads the command line. Undefined: help was asked for. Throws {@link UsageError}. */
export function parseDemoOptions(args: readonly string[]): DemoOptions | undefined {
  const { values } = parsed(args);
  if (values.help === true) return undefined;
  const events = wholeNumber("--events", values.events, 1, MAX_EVENTS);
  const seed = wholeNumber("--seed", values.seed, 0, 2 ** 31 - 1) ?? 1;
  const mode = values.crash === true ? "crash" : values.once === true || events !== undefined ? "once" : "live";
  if (mode !== "live" && values.rate !== undefined)
    throw new UsageError("--rate is for live runs; a bounded run goes as fast as it can");
  const checksGivenData = mode === "once" && events === undefined && values.data !== undefined;
  const count = mode === "live" || checksGivenData ? undefined : (events ?? DEFAULT_EVENTS);
  const servers = values.servers === true;
  const run = mode === "live" ? "live" : `${mode}-${count}-seed-${seed}`;
  return {
    mode,
    seed,
    events: count,
    directory: values.data ?? join(".millrace", `${servers ? "servers-" : ""}${run}`),
    rate: wholeNumber("--rate", values.rate, 1, MAX_RATE) ?? 500,
    citizens: wholeNumber("--citizens", values.citizens, 10, MAX_CITIZENS) ?? 2_000,
    servers,
  };
}

function parsed(args: readonly string[]): ReturnType<typeof parseArguments> {
  try {
    return parseArguments(args);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parseArguments(args: readonly string[]): {
  readonly values: Partial<Record<"once" | "crash" | "servers" | "help", boolean>> &
    Partial<Record<"events" | "rate" | "citizens" | "seed" | "data", string>>;
} {
  return parseArgs({
    args: [...args],
    options: {
      once: { type: "boolean" },
      crash: { type: "boolean" },
      servers: { type: "boolean" },
      help: { type: "boolean", short: "h" },
      events: { type: "string" },
      rate: { type: "string" },
      citizens: { type: "string" },
      seed: { type: "string" },
      data: { type: "string" },
    },
  });
}

function wholeNumber(option: string, text: string | undefined, from: number, to: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text.replaceAll("_", "").replaceAll(",", ""));
  if (!Number.isInteger(number) || number < from || number > to) {
    throw new UsageError(`${option} must be a whole number from ${from} to ${to}; it is "${text}"`);
  }
  return number;
}
