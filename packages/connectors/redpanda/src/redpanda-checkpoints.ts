import {
  type Checkpoint,
  type CheckpointConnection,
  type CheckpointDelta,
  type CheckpointStore,
  isLeaseOver,
  type LeaseTry,
  type RuntimeContext,
  requireArgument,
  StreamError,
  TaskLeases,
} from "@millrace/core";
import { TaskLease } from "./checkpoints/task-lease.js";
import { TaskView } from "./checkpoints/task-view.js";
import type { KafkaDriver, KafkaLogReader, TopicPartition } from "./kafka-driver.js";
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
  readonly #leases: TaskLeases<TaskLease>;
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
    this.#leases = new TaskLeases(`topic "${topic}"`, context);
  }

  lease(
    task: string,
    options?: { readonly wait?: boolean; readonly signal?: AbortSignal },
  ): Promise<{ readonly number: number; readonly latest: Checkpoint | undefined }> {
    const place = { topic: this.#topic, partition: partitionOfKey(encoder.encode(task), this.#partitions) };
    const view = new TaskView(this.#log, this.#driver.admin, place, task, this.#context.clock);
    return this.#leases.take(task, options, async () => {
      try {
        return await this.#tryToTake(task, place, view);
      } catch (error) {
        throw error instanceof StreamError ? error : classify(error);
      }
    });
  }

  release(task: string, number: number): Promise<void> {
    return this.#leases.release(task, number);
  }

  async commit(task: string, number: number, checkpoint: CheckpointDelta): Promise<void> {
    await this.#leases.held(task, number).commit(checkpoint);
  }

  async latestEpoch(task: string, number: number): Promise<number | undefined> {
    return this.#leases.held(task, number).latestEpoch();
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#leases.close();
      await this.#log.close();
      await this.#driver.close();
    })();
    return this.#closing;
  }

  async #tryToTake(task: string, place: TopicPartition, view: TaskView): Promise<LeaseTry<TaskLease>> {
    const { clock } = this.#context;
    await view.readToEnd();
    if (view.lease !== undefined && !isLeaseOver(view.lease, clock.now())) return { heldBy: view.lease };
    const lease = await TaskLease.take({ driver: this.#driver, system: this.#system, place, task, view, clock });
    if (lease === undefined) return undefined;
    const head = view.head();
    return { lease, latest: head === undefined ? undefined : { ...head, entries: () => view.pages(PAGE) } };
  }
}
