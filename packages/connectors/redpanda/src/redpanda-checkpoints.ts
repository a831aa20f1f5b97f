import { hostname } from "node:os";
import {
  type Checkpoint,
  type CheckpointConnection,
  type CheckpointDelta,
  type CheckpointStore,
  type RuntimeContext,
  requireArgument,
  StreamError,
} from "@millrace/core";
import { LAPSE_MS, TaskLease } from "./checkpoints/task-lease.js";
import { type LeaseRecord, TaskView } from "./checkpoints/task-view.js";
import type { KafkaDriver, KafkaLogReader } from "./kafka-driver.js";
import { makeTopic } from "./make-topic.js";
import { partitionOfKey } from "./partitioner.js";
import { classify } from "./redpanda-errors.js";
import { driverOf, type RedpandaConnection } from "./redpanda-options.js";
import { systemOf } from "./redpanda-system.js";

/** Options of {@link redpandaCheckpoints}. */
export interface RedpandaCheckpointsOptions extends RedpandaConnection {
  /** A compacted topic, made if it is not there ("millrace-checkpoints"). Tasks of many topologies may share it. */
  readonly topic?: string;
  /** Where the topic is made: its partitions (8). A task is in one of them. */
  readonly partitions?: number;
  /** Where the topic is made: its replicas. Default: what the brokers are set to. */
  readonly replicas?: number;
}

const DEFAULT_TOPIC = "millrace-checkpoints";
const DEFAULT_PARTITIONS = 8;
const BROKER_DEFAULT = -1;
const STANDBY_MS = 250;
const PAGE = 1_000;
const encoder = new TextEncoder();

/**
 * Checkpoints in a compacted topic: state changes, positions and the messages of `redpandaSink`s on the same brokers are one Kafka transaction, so that what is written
 * follows exactly once from what was read. A task has one transactional id: whoever takes it over fences the one before. Its lease is renewed every 5 s and lapses
 * after 15 s.
 *
 * At the start of a run the state of its task is read into memory, beside the state of the operators.
 *
 * @example
 * ```ts
 * import { from, topology } from "@millrace/core";
 * import { redpandaCheckpoints, redpandaSink, redpandaSource } from "@millrace/redpanda";
 * const brokers = ["127.0.0.1:9092"];
 * const source = redpandaSource({ brokers, topic: "numbers", decode: ({ value }) => Number(new TextDecoder().decode(value)), stopAt: "latest" });
 * const sink = redpandaSink<number>({ brokers, topic: "doubled", encode: (n) => ({ value: String(n) }) });
 * await topology("double", from(source).map((n) => n * 2).to(sink)).run({ checkpoint: { every: "1s", store: redpandaCheckpoints({ brokers }) } });
 * ```
 */
export function redpandaCheckpoints(options: RedpandaCheckpointsOptions): CheckpointStore {
  const { topic = DEFAULT_TOPIC, partitions = DEFAULT_PARTITIONS } = options;
  requireArgument(
    Number.isInteger(partitions) && partitions >= 1,
    `redpandaCheckpoints: partitions must be a whole number from 1; it is ${partitions}`,
  );
  const system = systemOf(options.brokers);
  return {
    name: `${system}/${topic}`,
    system,
    connect: (context) => TopicCheckpoints.open(options, topic, partitions, context),
  };
}

class TopicCheckpoints implements CheckpointConnection {
  readonly #driver: KafkaDriver;
  readonly #log: KafkaLogReader;
  readonly #context: RuntimeContext;
  readonly #system: string;
  readonly #topic: string;
  readonly #partitions: number;
  readonly #leases = new Map<string, TaskLease>();
  #closing: Promise<void> | undefined;

  static async open(
    options: RedpandaCheckpointsOptions,
    topic: string,
    partitions: number,
    context: RuntimeContext,
  ): Promise<TopicCheckpoints> {
    const driver = driverOf(options, "redpandaCheckpoints");
    try {
      await driver.connect();
      let found = await driver.admin.partitions(topic);
      if (found === undefined) {
        const config = {
          "cleanup.policy": "compact",
          "min.cleanable.dirty.ratio": "0.2",
          "segment.bytes": String(64 * 1024 * 1024),
        };
        await makeTopic(driver.admin, topic, { partitions, replicas: options.replicas ?? BROKER_DEFAULT, config });
        found = await driver.admin.partitions(topic);
      }
      const policy = (await driver.admin.config(topic)).get("cleanup.policy");
      if (policy !== "compact")
        throw new StreamError(
          "E_REDPANDA_CHECKPOINT_TOPIC",
          `topic "${topic}" has cleanup.policy ${policy}: state in it would be deleted with time. It must be "compact"`,
        );
      return new TopicCheckpoints(
        driver,
        await driver.log(),
        systemOf(options.brokers),
        topic,
        found?.length ?? partitions,
        context,
      );
    } catch (error) {
      await driver.close().catch(() => {});
      throw error instanceof StreamError ? error : classify(error);
    }
  }

  private constructor(
    driver: KafkaDriver,
    log: KafkaLogReader,
    system: string,
    topic: string,
    partitions: number,
    context: RuntimeContext,
  ) {
    this.#driver = driver;
    this.#log = log;
    this.#system = system;
    this.#topic = topic;
    this.#partitions = partitions;
    this.#context = context;
  }

  async lease(
    task: string,
    { wait = false, signal = this.#context.signal }: { readonly wait?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly number: number; readonly latest: Checkpoint | undefined }> {
    const { clock } = this.#context;
    const place = { topic: this.#topic, partition: partitionOfKey(encoder.encode(task), this.#partitions) };
    const view = new TaskView(this.#log, this.#driver.admin, place, task, clock);
    for (;;) {
      if (signal.aborted)
        throw new StreamError("E_ABORTED", "the wait for a lease was given up", { cause: signal.reason });
      try {
        await view.readToEnd();
        if (view.lease === undefined || isOver(view.lease, clock.now())) {
          const lease = await TaskLease.take({ driver: this.#driver, system: this.#system, place, task, view, clock });
          if (lease !== undefined) return this.#taken(task, lease, view);
          continue;
        }
      } catch (error) {
        throw error instanceof StreamError ? error : classify(error);
      }
      if (!wait) throw leaseHeld(this.#topic, task, view.lease);
      await this.#pause(signal);
    }
  }

  async release(task: string, number: number): Promise<void> {
    const lease = this.#leases.get(task);
    if (lease?.number !== number) return;
    this.#leases.delete(task);
    await lease.release();
  }

  async commit(task: string, number: number, checkpoint: CheckpointDelta): Promise<void> {
    await this.#held(task, number).commit(checkpoint);
  }

  async latestEpoch(task: string, number: number): Promise<number | undefined> {
    return this.#held(task, number).latestEpoch();
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      for (const lease of this.#leases.values()) await lease.release().catch(() => {});
      this.#leases.clear();
      await this.#log.close();
      await this.#driver.close();
    })();
    return this.#closing;
  }

  #taken(
    task: string,
    lease: TaskLease,
    view: TaskView,
  ): { readonly number: number; readonly latest: Checkpoint | undefined } {
    this.#leases.set(task, lease);
    const head = view.head();
    return {
      number: lease.number,
      latest: head === undefined ? undefined : { ...head, entries: () => view.pages(PAGE) },
    };
  }

  #held(task: string, number: number): TaskLease {
    const lease = this.#leases.get(task);
    if (lease?.number !== number) throw new StreamError("E_FENCED", `the lease ${number} of task "${task}" is over`);
    return lease;
  }

  #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = clock.schedule(clock.now() + STANDBY_MS, wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

/** Given back, not renewed in time, or of a process of this host that is gone. Taking it fences its holder, should it live after all. */
function isOver({ released, renewedMs, host, pid }: LeaseRecord, nowMs: number): boolean {
  return released || nowMs - renewedMs > LAPSE_MS || (host === hostname() && !isAlive(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return (error as { readonly code?: string }).code === "EPERM";
  }
}

function leaseHeld(topic: string, task: string, { host, pid, sinceMs }: LeaseRecord): StreamError {
  return new StreamError(
    "E_LEASE_HELD",
    `task "${task}" in topic "${topic}" is run by process ${pid} on ${host} since ${new Date(sinceMs).toISOString()}. Stop that run first; a lease whose process is gone lapses after ${LAPSE_MS / 1_000} s`,
  );
}
