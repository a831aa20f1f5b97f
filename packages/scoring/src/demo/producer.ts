import type { OutMessage } from "@millrace/core";
import { type GeneratedMessage, generateMessages } from "../generator/generator.js";
import type { SyntheticCitizen } from "../generator/synthetic-citizens.js";
import type { DataDirectory, Manifest } from "./data-directory.js";
import type { EventLog } from "./event-log.js";

const APPEND_SIZE = 2_000;
/** Says when a message was really published: event time runs by itself. */
export const SENT_HEADER = "sent";

/**
 * Writes the log of a bounded run. What is there already is the beginning of the same log, because the generator says the same again:
 * it goes on behind it. (On servers an append that was cut off may have written some partitions only: then the log has a few others of
 * the invented events. The oracle reads the log as it is.)
 */
export async function fillLog(
  log: EventLog,
  { seed, from, events }: Manifest,
  citizens: readonly SyntheticCitizen[],
  onProgress: (written: number, of: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const total = events ?? 0;
  const there = await log.length();
  let written = 0;
  let batch: OutMessage[] = [];
  if (there >= total) return;
  for (const message of generateMessages({ seed, citizens, from })) {
    if (written++ >= there) batch.push(outMessage(message));
    if (batch.length < APPEND_SIZE && written < total) continue;
    if (batch.length > 0) await log.append(batch);
    batch = [];
    onProgress(written, total);
    if (written === total || signal.aborted) return;
  }
}

function outMessage({ key, value, publishedAt }: GeneratedMessage): OutMessage {
  return { key, value, timestamp: publishedAt };
}

const STEP_MS = 25;
/** After a pause of the machine this much is made up for, no more. */
const MAX_BEHIND_MS = 1_000;
/** A new start begins this much later in event time, behind everything the one before may have published. */
const LEG_GAP_MS = 6 * 3_600_000;
const SAVE_EVERY_MS = 1_000;

/** Publishes events at a steady rate, as if they happened now; event time runs faster than the clock. */
export class LiveProducer {
  readonly #log: EventLog;
  readonly #directory: DataDirectory;
  readonly #messages: Iterator<GeneratedMessage>;
  readonly #rate: number;
  #stopped = false;
  #savedAt = 0;
  /** How many messages were published since the start. */
  published = 0;
  /** Event time of the newest message. */
  eventTime: number;

  constructor(log: EventLog, directory: DataDirectory, citizens: readonly SyntheticCitizen[], rate: number) {
    const { seed, legs, reachedAt, from } = directory.manifest;
    this.#log = log;
    this.#directory = directory;
    this.#rate = rate;
    this.eventTime = legs === 0 ? from : reachedAt + LEG_GAP_MS;
    this.#messages = generateMessages({ seed: (seed + legs * 7_919) % 2 ** 31, citizens, from: this.eventTime });
    directory.update({ legs: legs + 1, reachedAt: this.eventTime });
  }

  /** Publishes until {@link stop}. */
  async run(): Promise<void> {
    let last = performance.now();
    let owed = 0;
    while (!this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
      const now = performance.now();
      owed += (Math.min(now - last, MAX_BEHIND_MS) * this.#rate) / 1_000;
      last = now;
      const count = Math.floor(owed);
      owed -= count;
      if (count > 0) await this.#publish(count);
      if (now - this.#savedAt > SAVE_EVERY_MS) this.#save(now);
    }
    this.#save(performance.now());
  }

  stop(): void {
    this.#stopped = true;
  }

  async #publish(count: number): Promise<void> {
    const headers = { [SENT_HEADER]: String(Date.now()) };
    const batch: OutMessage[] = [];
    while (batch.length < count) {
      const message = this.#messages.next().value as GeneratedMessage;
      batch.push({ ...outMessage(message), headers });
      this.eventTime = message.publishedAt;
    }
    await this.#log.append(batch);
    this.published += count;
  }

  #save(now: number): void {
    this.#savedAt = now;
    this.#directory.update({ reachedAt: this.eventTime });
  }
}
