import { hostname } from "node:os";
import {
  type CheckpointDelta,
  type Clock,
  checkpointHeadText,
  type HeldLease,
  LEASE_RENEW_MS,
  messageOf,
  StreamError,
} from "@millrace/core";
import type {
  KafkaDriver,
  KafkaTransactionalProducer,
  OutgoingMessage,
  TopicPartition,
  TransactionalSend,
} from "../kafka-driver.js";
import { classify } from "../redpanda-errors.js";
import { payloadOf } from "../redpanda-system.js";
import { chunksOf, recordMessages } from "./task-records.js";
import { entryText, type LeaseRecord, type TaskView } from "./task-view.js";

/** A transaction whose process is gone hides what comes behind it for so long. */
const TRANSACTION_MS = 15_000;
/** Of one request to a partition. */
const REQUEST_BYTES = 768 * 1024;

export interface LeaseParts {
  readonly driver: KafkaDriver;
  readonly system: string;
  readonly place: TopicPartition;
  readonly task: string;
  readonly view: TaskView;
  readonly clock: Clock;
}

/**
 * A held task: the one producer of its transactional id. Whoever takes the task next makes another, and the broker then refuses this one. After a failed transaction
 * the producer is thrown away: only a new one, and the topic, say what became of it.
 */
export class TaskLease implements HeldLease {
  readonly number: number;
  readonly #parts: LeaseParts;
  readonly #sinceMs: number;
  #producer: KafkaTransactionalProducer | undefined;
  #epoch: number | undefined;
  /** Entries that take more than one message → how many. */
  readonly #large: Map<string, number>;
  #over = false;
  #turn: Promise<unknown> = Promise.resolve();
  #cancelRenewal: () => void = () => {};

  /** Takes the task; undefined where somebody else was faster. */
  static async take(parts: LeaseParts): Promise<TaskLease | undefined> {
    const producer = await openProducer(parts);
    try {
      // Nothing that others began can be written any more.
      await parts.view.readToEnd();
      const lease = new TaskLease(parts, producer, (parts.view.lease?.number ?? 0) + 1);
      await producer.transact([{ target: parts.place, messages: lease.#record(false) }]);
      lease.#renewLater();
      return lease;
    } catch (error) {
      await producer.close().catch(() => {});
      if (isFenced(error)) return undefined;
      throw error;
    }
  }

  private constructor(parts: LeaseParts, producer: KafkaTransactionalProducer, number: number) {
    this.#parts = parts;
    this.#producer = producer;
    this.number = number;
    this.#sinceMs = parts.clock.now();
    this.#epoch = parts.view.head()?.epoch;
    this.#large = new Map(parts.view.largeEntries());
  }

  /** State changes, head, lease and the sinks' messages, in one transaction. */
  commit(delta: CheckpointDelta): Promise<void> {
    // The bytes of this moment: the caller may go on with its own.
    const large = new Map<string, number>();
    const messages = this.#messages(delta, large);
    const payloads = delta.commits.map(({ sink, payload }) => payloadOf(this.#parts.system, sink, payload));
    return this.#inTurn(async () => {
      const producer = await this.#ready();
      if (this.#epoch !== undefined && delta.epoch <= this.#epoch)
        throw new StreamError(
          "E_CHECKPOINT_STORE",
          `epoch ${delta.epoch} of task "${this.#parts.task}" is not newer than ${this.#epoch}, which is committed`,
        );
      await this.#transact(producer, [
        ...pieces(this.#parts.place, [...messages, ...this.#record(false)]),
        ...payloads.flatMap(({ sends }) => sends),
      ]);
      this.#epoch = delta.epoch;
      this.#parts.view.forgetEntries();
      for (const [text, chunks] of large) {
        if (chunks > 1) this.#large.set(text, chunks);
        else this.#large.delete(text);
      }
    });
  }

  latestEpoch(): Promise<number | undefined> {
    return this.#inTurn(async () => {
      await this.#ready();
      await this.#check();
      return this.#epoch;
    });
  }

  /** Gives the task back; nothing where it is somebody else's by now. */
  release(): Promise<void> {
    this.#cancelRenewal();
    return this.#inTurn(async () => {
      if (this.#over) return;
      this.#over = true;
      try {
        await this.#producer?.transact([{ target: this.#parts.place, messages: this.#record(true) }]);
      } catch (error) {
        if (!isFenced(error)) throw error;
      } finally {
        await this.#producer?.close().catch(() => {});
      }
    });
  }

  /** One transaction at a time: a producer has one. */
  #inTurn<R>(work: () => Promise<R>): Promise<R> {
    const turn = this.#turn.then(work).catch((error) => {
      throw error instanceof StreamError ? error : classify(error);
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #ready(): Promise<KafkaTransactionalProducer> {
    if (this.#over) throw this.#fenced();
    if (this.#producer !== undefined) return this.#producer;
    await this.#check();
    this.#producer = await openProducer(this.#parts);
    await this.#check();
    return this.#producer;
  }

  /** Still ours, by what the topic says; and how far we are. */
  async #check(): Promise<void> {
    const { view } = this.#parts;
    await view.readToEnd();
    if (view.lease?.number !== this.number) {
      this.#over = true;
      this.#cancelRenewal();
      await this.#producer?.close().catch(() => {});
      throw this.#fenced();
    }
    this.#epoch = view.head()?.epoch;
  }

  async #transact(producer: KafkaTransactionalProducer, sends: readonly TransactionalSend[]): Promise<void> {
    try {
      await producer.transact(sends);
    } catch (error) {
      this.#producer = undefined;
      await producer.close().catch(() => {});
      // The broker also says so of a transaction that took too long: the topic tells which it was.
      if (isFenced(error)) await this.#check();
      throw error;
    }
  }

  #renewLater(): void {
    const { clock, place } = this.#parts;
    this.#cancelRenewal = clock.schedule(clock.now() + LEASE_RENEW_MS, () => {
      const renewal = this.#inTurn(async () => {
        const producer = await this.#ready();
        await this.#transact(producer, [{ target: place, messages: this.#record(false) }]);
      });
      // The next commit hears of it.
      void renewal
        .catch(() => {})
        .then(() => {
          if (!this.#over) this.#renewLater();
        });
    });
  }

  #record(released: boolean): OutgoingMessage[] {
    const { task, clock } = this.#parts;
    const record: LeaseRecord = {
      number: this.number,
      host: hostname(),
      pid: process.pid,
      sinceMs: this.#sinceMs,
      renewedMs: clock.now(),
      released,
    };
    return recordMessages("lease", task, "", undefined, Buffer.from(JSON.stringify(record)), 0);
  }

  #messages(delta: CheckpointDelta, large: Map<string, number>): OutgoingMessage[] {
    const { task } = this.#parts;
    const messages = delta.changes.flatMap(([state, key, value]) => {
      const text = entryText(state, key);
      const before = large.get(text) ?? this.#large.get(text) ?? 1;
      const chunks = chunksOf(value);
      if (before > 1 || chunks > 1) large.set(text, chunks);
      // The bytes are sent later, maybe twice: they must not be the caller's.
      return recordMessages(
        "entry",
        task,
        state,
        key,
        value?.slice(),
        value === undefined ? before : before > 1 ? before : 0,
      );
    });
    return [
      ...messages,
      ...recordMessages("head", task, "", undefined, Buffer.from(checkpointHeadText(delta)), this.#headChunks(delta)),
    ];
  }

  /** The head before may have been larger. */
  #headChunks(delta: CheckpointDelta): number {
    const before = this.#large.get(HEAD) ?? 1;
    this.#large.set(HEAD, Math.max(before, chunksOf(Buffer.from(checkpointHeadText(delta)))));
    return before;
  }

  #fenced(): StreamError {
    const { task, view } = this.#parts;
    const holder =
      view.lease === undefined || view.lease.number === this.number
        ? ""
        : ` by process ${view.lease.pid} on ${view.lease.host}`;
    return new StreamError(
      "E_FENCED",
      `the lease ${this.number} of task "${task}" is over: it was released or taken over${holder}`,
    );
  }
}

/** No entry has this text: theirs begin with a number. */
const HEAD = "head";

function openProducer({ driver, place, task }: LeaseParts): Promise<KafkaTransactionalProducer> {
  return driver.transactional({ transactionalId: `millrace:${place.topic}:${task}`, timeoutMs: TRANSACTION_MS });
}

/** Requests that the broker takes. */
function pieces(target: TopicPartition, messages: readonly OutgoingMessage[]): readonly TransactionalSend[] {
  const sends: { target: TopicPartition; messages: OutgoingMessage[] }[] = [];
  let bytes = REQUEST_BYTES;
  for (const message of messages) {
    const size = (message.key?.length ?? 0) + (message.value?.length ?? 0) + 64;
    if (bytes + size > REQUEST_BYTES) {
      sends.push({ target, messages: [] });
      bytes = 0;
    }
    sends[sends.length - 1]?.messages.push(message);
    bytes += size;
  }
  return sends;
}

/** Another producer of the same transactional id has begun, or the broker gave up a transaction of ours. */
function isFenced(error: unknown): boolean {
  return /PRODUCER_?FENCED|INVALID_PRODUCER_EPOCH|older epoch|newer producer|fenced/i.test(
    `${(error as { readonly type?: string }).type ?? ""} ${classify(error).code} ${messageOf(error)}`,
  );
}
