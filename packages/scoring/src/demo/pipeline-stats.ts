import type { Message } from "@millrace/core";
import type { ReceivedEvent } from "../event/decode-event.js";
import type { ScoringObserver } from "../topology/scoring-topology.js";
import { SENT_HEADER } from "./producer.js";

const LATENCIES = 4_096;
/** Messages whose score was never written (copies, dead letters) are forgotten after so many others. */
const MAX_UNDERWAY = 50_000;

/** What a pipeline has done since it was started. */
export interface PipelineCounts {
  readonly received: number;
  readonly scored: number;
  readonly deadLetters: number;
  readonly late: number;
  readonly checkpoints: number;
  /** 99 of 100 of the newest events had their score written within this, ms; undefined where nothing was measured. */
  readonly p99Ms: number | undefined;
}

/** Counts what a pipeline does, and how long it takes from publishing to the written score. */
export class PipelineStats implements ScoringObserver {
  #received = 0;
  #scored = 0;
  #deadLetters = 0;
  #late = 0;
  #checkpoints = 0;
  readonly #sentAt = new Map<string, number>();
  readonly #latencies = new Float64Array(LATENCIES);
  #measured = 0;

  received({ partition, offset, headers }: Message): void {
    this.#received++;
    const sent = headers[SENT_HEADER];
    if (sent === undefined) return;
    if (this.#sentAt.size >= MAX_UNDERWAY) this.#sentAt.clear();
    this.#sentAt.set(`${partition}/${offset}`, Number(Buffer.from(sent).toString()));
  }

  scored({ partition, offset }: ReceivedEvent): void {
    this.#scored++;
    const place = `${partition}/${offset}`;
    const sentAt = this.#sentAt.get(place);
    if (sentAt === undefined) return;
    this.#sentAt.delete(place);
    this.#latencies[this.#measured++ % LATENCIES] = Date.now() - sentAt;
  }

  deadLetter(): void {
    this.#deadLetters++;
  }

  late(): void {
    this.#late++;
  }

  checkpoint(): void {
    this.#checkpoints++;
  }

  /** How many messages have come to their end. Copies are not among them: nobody sees them go. */
  get handled(): number {
    return this.#scored + this.#deadLetters;
  }

  counts(): PipelineCounts {
    return {
      received: this.#received,
      scored: this.#scored,
      deadLetters: this.#deadLetters,
      late: this.#late,
      checkpoints: this.#checkpoints,
      p99Ms: this.#p99(),
    };
  }

  #p99(): number | undefined {
    const filled = Math.min(this.#measured, LATENCIES);
    if (filled === 0) return undefined;
    return this.#latencies.slice(0, filled).sort()[Math.ceil(filled * 0.99) - 1];
  }
}
