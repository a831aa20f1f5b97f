import { fileURLToPath } from "node:url";
import type { Engine } from "./engine.js";
import { flink, goStreams } from "./external-engines.js";
import type { Options } from "./options.js";
import { type Command, runTask } from "./process.js";
import { type EngineResult, type Results, thisMachine, type WorkloadResults } from "./results.js";
import { summarize } from "./statistics.js";
import type { Report, Task } from "./task.js";
import type { Workload } from "./workload.js";

const CHILD = fileURLToPath(new URL("./child.js", import.meta.url));
const NODE: Command = { file: process.execPath, args: ["--expose-gc", CHILD] };
/** Room for all that a run allocates, so that nothing is collected while it is counted. */
const YOUNG_GENERATION_MB = 2_048;
const UNCOLLECTED: Command = {
  file: process.execPath,
  args: [
    "--expose-gc",
    `--min-semi-space-size=${YOUNG_GENERATION_MB}`,
    `--max-semi-space-size=${YOUNG_GENERATION_MB}`,
    CHILD,
  ],
};
/** A slow engine's part of its values in a quick run. */
const QUICK_PART = 4;
/** What a run may have at most while its allocations are counted. */
const COUNTED_VALUES = 200_000;

type Say = (line: string) => void;

/** Measures all that was asked for, each engine in a process of its own each round, the engines of a workload taking turns. */
export async function run(options: Options, say: Say): Promise<Results> {
  const skipped: Partial<Record<Engine, string>> = {};
  const commands = await findCommands(options, skipped, say);
  const results: Record<string, WorkloadResults> = {};
  for (const workload of options.workloads) {
    const engines = workload.engines.filter((engine) => commands.has(engine));
    if (engines.length === 0) continue;
    results[workload.id] = await new Measurement(workload, engines, commands, options, say).run();
  }
  return { machine: thisMachine(options.rounds), skipped, ...results };
}

/** How each engine is started. What needs another language is built here, or left out with its reason. */
async function findCommands(
  options: Options,
  skipped: Partial<Record<Engine, string>>,
  say: Say,
): Promise<ReadonlyMap<Engine, Command>> {
  const commands = new Map<Engine, Command>();
  for (const engine of options.engines) {
    if (!options.workloads.some(({ engines }) => engines.includes(engine))) continue;
    try {
      const command = engine === "go-streams" ? await goStreams() : engine === "flink" ? await flink() : NODE;
      commands.set(engine, command);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      skipped[engine] = reason;
      say(`${engine} is left out: ${reason}`);
    }
  }
  return commands;
}

/** One workload: its rounds, its checksums, and what comes out. */
class Measurement {
  readonly #workload: Workload;
  readonly #engines: readonly Engine[];
  readonly #commands: ReadonlyMap<Engine, Command>;
  readonly #options: Options;
  readonly #say: Say;
  /** By number of values: what every engine must answer. */
  readonly #checksums = new Map<number, number>();

  constructor(
    workload: Workload,
    engines: readonly Engine[],
    commands: ReadonlyMap<Engine, Command>,
    options: Options,
    say: Say,
  ) {
    this.#workload = workload;
    this.#engines = engines;
    this.#commands = commands;
    this.#options = options;
    this.#say = say;
  }

  async run(): Promise<WorkloadResults> {
    const { id, title, allocations } = this.#workload;
    this.#say(`${id}  ${title}`);
    const reports = new Map<Engine, Report[]>(this.#engines.map((engine) => [engine, []]));
    for (let round = 1; round <= this.#options.rounds; round++) {
      for (const engine of this.#engines) {
        const report = await this.#measure(engine, "time", this.#size(engine));
        reports.get(engine)?.push(report);
        this.#say(`${id}  round ${round}/${this.#options.rounds}  ${engine.padEnd(20)} ${describeReport(report)}`);
      }
    }
    const results: WorkloadResults = {};
    for (const [engine, all] of reports) {
      const bytes = allocations === true ? await this.#bytesPerValue(engine) : undefined;
      results[engine] = summarizeReports(all, this.#size(engine), bytes);
    }
    return results;
  }

  #size(engine: Engine): number {
    const { sizes, fewer } = this.#workload;
    const most = fewer?.[engine] ?? sizes.full;
    return this.#options.quick ? Math.min(sizes.quick, Math.ceil(most / QUICK_PART)) : most;
  }

  async #measure(engine: Engine, mode: Task["mode"], size: number): Promise<Report> {
    const { id, polluted } = this.#workload;
    const { leastCpuMs } = this.#options;
    const pollute = engine === "millrace" && polluted === true && this.#options.polluted;
    const task: Task = { workload: id, engine, size, mode, leastCpuMs, polluted: pollute };
    const command = mode === "allocate" ? UNCOLLECTED : (this.#commands.get(engine) as Command);
    const report = await runTask(command, task);
    const expected = await this.#checksum(size, engine === this.#reference ? report.checksum : undefined);
    if (report.checksum !== expected)
      throw new Error(
        `${id}: ${engine} answers ${report.checksum} for ${size} values where ${this.#reference} answers ${expected}`,
      );
    return report;
  }

  /** The engine that the others must agree with: the hand-written loop, where there is one. */
  get #reference(): Engine {
    return this.#workload.engines[0] as Engine;
  }

  /** What the reference answers for this many values. */
  async #checksum(size: number, known: number | undefined): Promise<number> {
    const found = this.#checksums.get(size) ?? known ?? (await this.#referenceChecksum(size));
    this.#checksums.set(size, found);
    return found;
  }

  async #referenceChecksum(size: number): Promise<number> {
    const task: Task = {
      workload: this.#workload.id,
      engine: this.#reference,
      size,
      mode: "check",
      leastCpuMs: 0,
      polluted: false,
    };
    return (await runTask(NODE, task)).checksum;
  }

  async #bytesPerValue(engine: Engine): Promise<number | undefined> {
    if (this.#commands.get(engine) !== NODE) return undefined;
    const report = await this.#measure(engine, "allocate", Math.min(COUNTED_VALUES, this.#size(engine)));
    return report.figures?.bytesPerValue;
  }
}

function summarizeReports(reports: readonly Report[], n: number, bytesPerValue: number | undefined): EngineResult {
  const names = Object.keys(reports[0]?.figures ?? {});
  if (names.length > 0) {
    const valuesOf = (name: string): number[] => reports.map(({ figures }) => figures?.[name] ?? Number.NaN);
    return { ...Object.fromEntries(names.map((name) => [name, summarize(valuesOf(name)).median])), n };
  }
  const rates = reports.map(({ rate }) => rate ?? Number.NaN);
  return { ...summarize(rates), n, ...(bytesPerValue === undefined ? {} : { bytesPerValue }) };
}

function describeReport({ rate, figures }: Report): string {
  if (figures !== undefined)
    return Object.entries(figures)
      .map(([name, value]) => `${name} ${value.toPrecision(3)}`)
      .join("  ");
  return `${((rate ?? 0) / 1e6).toPrecision(3)} M/s`;
}
