import type { Logger } from "@millrace/core";
import type { DataDirectory } from "./data-directory.js";
import type { DemoOptions } from "./demo-options.js";
import { Interrupts } from "./interrupts.js";
import { Pipeline } from "./pipeline.js";
import { type PipelineCounts, PipelineStats } from "./pipeline-stats.js";
import { populationOf } from "./population.js";
import { LiveProducer } from "./producer.js";
import { grouped, type Screen, spoken } from "./screen.js";
import { systemOf } from "./system-of.js";

const REFRESH_MS = 250;
const DRAIN_MS = 60_000;

/** Publishes and scores until Ctrl-C; then scores what is published, takes a last checkpoint, and ends. */
export async function runLive(
  options: DemoOptions,
  directory: DataDirectory,
  screen: Screen,
  logger: Logger,
): Promise<number> {
  const interrupts = new Interrupts();
  const stats = new PipelineStats();
  const demo = await systemOf(directory.path, directory.manifest);
  const system = await demo.open({ bounded: false, stats });
  try {
    const lengthBefore = await system.log.length();
    const pipeline = await Pipeline.start(system, stats, false, logger);
    const producer = new LiveProducer(system.log, directory, populationOf(directory.manifest), options.rate);
    if (lengthBefore > 0)
      screen.line(
        `Resuming: ${grouped(lengthBefore)} messages in the log, ${grouped(lengthBefore - pipeline.doneBefore)} of them still to be scored.`,
      );
    screen.line("Ctrl-C ends it: what is published is scored, and the next start goes on from there.");
    const view = new LiveView(pipeline, producer, lengthBefore);
    const timer = setInterval(() => screen.status(view.parts()), REFRESH_MS);
    const producing = producer.run();
    try {
      await Promise.race([aborted(interrupts.signal), pipeline.run.done, producing]);
      producer.stop();
      await producing;
      await drained(view, pipeline);
    } finally {
      producer.stop();
      clearInterval(timer);
    }
    await pipeline.run.stop();
    screen.status(view.parts(), true);
    screen.line("");
    screen.line(
      `Stopped after ${spoken(view.elapsedMs)}: ${grouped(producer.published)} messages published, ${view.lag === 0 ? "nothing" : grouped(view.lag)} left to score.`,
    );
    screen.line(
      `The data lies in ${directory.path}. Start again to go on; add --once --data to compare it with the oracle.`,
    );
    return 0;
  } finally {
    interrupts.close();
    await system.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

async function drained(view: LiveView, pipeline: Pipeline): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  const over = pipeline.run.done.then(() => true);
  while (view.lag > 0 && performance.now() < deadline) {
    const step = new Promise<false>((resolve) => setTimeout(() => resolve(false), 50));
    if (await Promise.race([over, step])) return;
  }
}

/** The status line of a live run. */
class LiveView {
  readonly #pipeline: Pipeline;
  readonly #producer: LiveProducer;
  readonly #lengthBefore: number;
  readonly #startedAt = performance.now();
  readonly #samples: { readonly at: number; readonly scored: number }[] = [];
  #tiers = "";
  #tiersAt = Number.NEGATIVE_INFINITY;

  constructor(pipeline: Pipeline, producer: LiveProducer, lengthBefore: number) {
    this.#pipeline = pipeline;
    this.#producer = producer;
    this.#lengthBefore = lengthBefore;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Messages that are published and not read yet. */
  get lag(): number {
    const { received } = this.#pipeline.stats.counts();
    return Math.max(0, this.#lengthBefore + this.#producer.published - this.#pipeline.doneBefore - received);
  }

  parts(): string[] {
    const counts = this.#pipeline.stats.counts();
    return [
      `${grouped(this.#perSecond(counts))} events/s`,
      `lag ${grouped(this.lag)}`,
      `p99 ${counts.p99Ms === undefined ? "-" : `${Math.round(counts.p99Ms)} ms`}`,
      `${grouped(counts.scored)} scored`,
      `checkpoints ${grouped(counts.checkpoints)}`,
      `late ${grouped(counts.late)}`,
      `dead ${grouped(counts.deadLetters)}`,
      `event time ${new Date(this.#producer.eventTime).toISOString().slice(0, 16).replace("T", " ")}`,
      this.#tierText(),
    ];
  }

  #perSecond({ scored }: PipelineCounts): number {
    const at = performance.now();
    this.#samples.push({ at, scored });
    while (this.#samples.length > 2 && at - (this.#samples[0]?.at ?? at) > 3_000) this.#samples.shift();
    const first = this.#samples[0];
    if (first === undefined || at === first.at) return 0;
    return ((scored - first.scored) * 1_000) / (at - first.at);
  }

  #tierText(): string {
    if (performance.now() - this.#tiersAt > 1_000) {
      this.#tiersAt = performance.now();
      // Shown when it is known: the line does not wait for it.
      this.#pipeline.system.tiers().then(
        (tiers) => {
          this.#tiers = [...tiers].map(([tier, count]) => `${tier} ${grouped(count)}`).join(", ");
        },
        () => {},
      );
    }
    return this.#tiers;
  }
}
