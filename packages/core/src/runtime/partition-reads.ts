import { type Clock, type Position, type SourceBatch, type SourceReader, WriteError } from "../connector.js";
import { messageOf, StreamError } from "../errors.js";
import { backoffMs, planRetry } from "../policy.js";
import { begun } from "./closing.js";

/** One partition of a source, as its driver sees it. */
export interface Partition {
  readonly id: string;
  readonly reader: SourceReader<unknown>;
  /** Where to resume once everything pushed so far is done. */
  position: Position | undefined;
  /** Read and not pushed yet. */
  ready: SourceBatch<unknown> | "end" | undefined;
  reading: boolean;
  ended: boolean;
  failures: number;
  /** Cancels the next try after a failure. */
  cancelRetry: () => void;
  /** Its own watermark; +Infinity while it is idle. */
  watermark: number;
}

export interface PartitionReadsWorld {
  readonly source: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Something was read. */
  ready(): void;
  failed(error: unknown): void;
  /** Nothing is wanted any more. */
  over(): boolean;
}

/** A reader that fails for a moment is asked again so often. */
const READ_RETRY = planRetry({ attempts: 8 }, "source", 8);

/** Keeps one read under way in each partition whose last one has been taken. */
export class PartitionReads {
  readonly #world: PartitionReadsWorld;

  constructor(world: PartitionReadsWorld) {
    this.#world = world;
  }

  ahead(partitions: readonly Partition[]): void {
    for (const partition of partitions)
      if (!partition.reading && partition.ready === undefined && !partition.ended) this.#read(partition);
  }

  #read(partition: Partition): void {
    partition.reading = true;
    begun(() => partition.reader.read()).then(
      (batch) => {
        partition.reading = false;
        partition.failures = 0;
        partition.ready = batch ?? "end";
        this.#world.ready();
      },
      (error) => this.#failed(partition, error),
    );
  }

  /** A failure the source itself calls passing is tried again after a while; any other ends the run. */
  #failed(partition: Partition, error: unknown): void {
    const { source, clock, random } = this.#world;
    if (this.#world.over()) return;
    const passing = error instanceof WriteError && (error.class === "transient" || error.class === "throttled");
    if (!passing || ++partition.failures >= READ_RETRY.attempts) {
      const message = `source "${source}" could not read partition ${partition.id}: ${messageOf(error)}`;
      this.#world.failed(
        error instanceof StreamError ? error : new StreamError("E_SOURCE", message, { cause: error, operator: source }),
      );
      return;
    }
    partition.cancelRetry = clock.schedule(clock.now() + backoffMs(READ_RETRY, partition.failures, random), () =>
      this.#read(partition),
    );
  }
}
