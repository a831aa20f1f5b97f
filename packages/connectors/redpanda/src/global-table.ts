import {
  type CallContext,
  type Health,
  type Key,
  type Lookup,
  type Message,
  messageOf,
  type RuntimeContext,
  requireArgument,
  StreamError,
  WriteError,
} from "@millrace/core";
import type { KafkaDriver, KafkaLogReader, TopicPartition } from "./kafka-driver.js";
import { classify } from "./redpanda-errors.js";
import { driverOf, type RedpandaConnection } from "./redpanda-options.js";

/** Options of {@link globalTable}. */
export interface GlobalTableOptions<Q extends Key, V> extends RedpandaConnection {
  /** Usually a compacted topic: the last message of a key counts, and one without a value deletes it. */
  readonly topic: string;
  /** Makes the table's key of a message's key. */
  readonly key: (key: Uint8Array) => Q;
  /** Makes a value of a message. What it throws fails the lookup. */
  readonly decode: (message: Message) => V;
  /** Default: the topic's name. */
  readonly name?: string;
  /** More keys than this fail the lookup instead of filling the memory (1,000,000). */
  readonly maxKeys?: number;
}

/** A table in the memory of this process. */
export interface GlobalTable<Q extends Key, V> extends Lookup<Q, V> {
  /** How many keys it has now. */
  readonly size: number;
}

const DEFAULT_MAX_KEYS = 1_000_000;
const MAX_WAIT_MS = 200;
const RETRY_MS = 500;

/**
 * A whole topic as a table in memory, for `lookup`: read to its end when the run connects, and followed from then on. Every process has all of it. It is as new as the
 * topic was some 200 ms ago, and says which keys change, so that a cache before it forgets them.
 *
 * Fails at connect with `E_REDPANDA_TOPIC` or `E_REDPANDA_AUTH`; a fetch fails with `E_REDPANDA_TABLE` where a message can not be decoded or `maxKeys` is exceeded.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { globalTable } from "@millrace/redpanda";
 * const text = new TextDecoder();
 * const names = globalTable({ brokers: ["127.0.0.1:9092"], topic: "names", key: (key) => text.decode(key), decode: ({ value }) => text.decode(value) });
 * console.log(await from(["7"]).lookup((id) => id, names, (id, name) => `${id}: ${name}`).collect());
 * ```
 */
export function globalTable<Q extends Key, V>(options: GlobalTableOptions<Q, V>): GlobalTable<Q, V> {
  const { maxKeys = DEFAULT_MAX_KEYS } = options;
  requireArgument(
    typeof options.topic === "string" && options.topic !== "",
    "globalTable: topic must be a topic's name",
  );
  requireArgument(
    typeof options.key === "function" && typeof options.decode === "function",
    "globalTable: key and decode must be functions",
  );
  requireArgument(
    Number.isInteger(maxKeys) && maxKeys >= 1,
    `globalTable: maxKeys must be a whole number from 1; it is ${maxKeys}`,
  );
  return new TopicTable(options, maxKeys);
}

class TopicTable<Q extends Key, V> implements GlobalTable<Q, V> {
  readonly name: string;
  readonly #options: GlobalTableOptions<Q, V>;
  readonly #maxKeys: number;
  #values = new Map<Q, V>();
  readonly #listeners = new Set<(key: Q) => void>();
  #driver: KafkaDriver | undefined;
  #stop = new AbortController();
  #following: Promise<unknown> = Promise.resolve();
  #failure: StreamError | undefined;
  #behind: string | undefined;

  constructor(options: GlobalTableOptions<Q, V>, maxKeys: number) {
    this.name = options.name ?? options.topic;
    this.#options = options;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#values.size;
  }

  async connect(context: RuntimeContext): Promise<void> {
    const { topic } = this.#options;
    const driver = driverOf(this.#options, "globalTable");
    this.#values = new Map();
    this.#failure = undefined;
    this.#stop = new AbortController();
    try {
      await driver.connect();
      if ((await driver.admin.partitions(topic)) === undefined)
        throw new WriteError(
          "fatal",
          "E_REDPANDA_TOPIC",
          `there is no topic "${topic}": make it first, see ensureTopic()`,
        );
      const offsets = await driver.admin.offsets(topic);
      const log = await driver.log();
      const stop = AbortSignal.any([this.#stop.signal, context.signal]);
      const next = new Map<number, bigint>();
      await Promise.all(
        offsets.map(async ({ partition, low, stable }) =>
          next.set(partition, await this.#readTo({ topic, partition }, low, stable, log, stop)),
        ),
      );
      if (this.#failure !== undefined) throw this.#failure;
      // In turns over one connection a broker: fetches of several partitions at once would wait for each other.
      this.#following = this.#follow(next, log, context, stop).finally(() => log.close());
      this.#driver = driver;
    } catch (error) {
      await driver.close().catch(() => {});
      throw error instanceof StreamError ? error : classify(error);
    }
  }

  async fetch(keys: readonly Q[], _context: CallContext): Promise<ReadonlyMap<Q, V>> {
    if (this.#failure !== undefined) throw this.#failure;
    const found = new Map<Q, V>();
    for (const key of keys) {
      const value = this.#values.get(key);
      if (value !== undefined || this.#values.has(key)) found.set(key, value as V);
    }
    return found;
  }

  changes(invalidate: (key: Q) => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    this.#listeners.add(invalidate);
    return new Promise((resolve) => {
      signal.addEventListener(
        "abort",
        () => {
          this.#listeners.delete(invalidate);
          resolve();
        },
        { once: true },
      );
    });
  }

  async health(): Promise<Health> {
    if (this.#failure !== undefined) return { status: "down", detail: this.#failure.message };
    return this.#behind === undefined
      ? { status: "up", detail: `${this.#values.size} keys` }
      : { status: "degraded", detail: `not followed now: ${this.#behind}` };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#driver?.close();
    this.#driver = undefined;
  }

  async #readTo(
    place: TopicPartition,
    low: bigint,
    end: bigint,
    log: KafkaLogReader,
    stop: AbortSignal,
  ): Promise<bigint> {
    let offset = low;
    while (offset < end && !stop.aborted && this.#failure === undefined) {
      const batch = await log.fetch(place, offset, MAX_WAIT_MS);
      if (batch === undefined || batch.quiet) break;
      for (const message of batch.messages) this.#take({ ...message, partition: String(place.partition) });
      offset = batch.nextOffset;
    }
    return offset;
  }

  /** As long as the run lasts; a broker that does not answer is asked again. */
  async #follow(
    next: Map<number, bigint>,
    log: KafkaLogReader,
    { clock }: RuntimeContext,
    stop: AbortSignal,
  ): Promise<void> {
    const { topic } = this.#options;
    const each = Math.max(10, Math.floor(MAX_WAIT_MS / Math.max(1, next.size)));
    while (!stop.aborted && this.#failure === undefined && next.size > 0) {
      for (const [partition, offset] of next) {
        if (stop.aborted) return;
        try {
          const batch = await log.fetch({ topic, partition }, offset, each);
          this.#behind = undefined;
          if (batch === undefined || batch.quiet) continue;
          for (const message of batch.messages) this.#take({ ...message, partition: String(partition) });
          next.set(partition, batch.nextOffset);
        } catch (error) {
          this.#behind = classify(error).message;
          await new Promise<void>((resolve) => {
            const cancel = clock.schedule(clock.now() + RETRY_MS, resolve);
            stop.addEventListener(
              "abort",
              () => {
                cancel();
                resolve();
              },
              { once: true },
            );
          });
        }
      }
    }
  }

  #take(message: Message): void {
    // Without a key it belongs nowhere in a table.
    if (message.key === undefined || this.#failure !== undefined) return;
    const { topic, key: keyOf, decode } = this.#options;
    try {
      const key = keyOf(message.key);
      if (message.value === undefined) this.#values.delete(key);
      else this.#values.set(key, decode(message));
      if (this.#values.size > this.#maxKeys)
        throw new Error(`it has more than ${this.#maxKeys} keys: raise maxKeys, or look them up where they are kept`);
      for (const invalidate of this.#listeners) invalidate(key);
    } catch (cause) {
      this.#failure = new StreamError(
        "E_REDPANDA_TABLE",
        `topic "${topic}" can not be a table (partition ${message.partition}, offset ${message.offset}): ${messageOf(cause)}`,
        { cause },
      );
    }
  }
}
