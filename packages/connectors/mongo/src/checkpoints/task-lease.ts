import { hostname } from "node:os";
import {
  type CheckpointDelta,
  type Clock,
  checkpointHeadText,
  type HeldLease,
  LEASE_RENEW_MS,
  type Logger,
  messageOf,
  type StateEntry,
  StreamError,
} from "@millrace/core";
import { Binary, type ClientSession, type Collection, type Filter, type MongoClient, type UpdateFilter } from "mongodb";
import { classify } from "../mongo-errors.js";
import { type MongoPayload, payloadOf } from "../mongo-system.js";
import { modelOf } from "../mongo-write.js";
import { bulkInTransaction, inTransaction } from "../transaction.js";
import { sortEntries } from "./entry-bytes.js";
import { mergeEntries, segmentsToMerge } from "./merge-entries.js";
import { type PartDocument, type Segment, SegmentStore } from "./segment-store.js";
import { headSum, type TaskDocument } from "./task-head.js";

/** So many are merged before the next one is written. */
const MAX_SEGMENTS = 32;
/** What of a document is no head's: the lease, the list of segments. */
const MAX_HEAD_BYTES = 15 * 1024 * 1024;

export interface LeaseParts {
  readonly client: MongoClient;
  readonly tasks: Collection<TaskDocument>;
  readonly parts: Collection<PartDocument>;
  readonly task: string;
  readonly system: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly partBytes: number;
}

/** A held task. Whoever takes it next raises its number, and with that everything this one still sends is refused. */
export class TaskLease implements HeldLease {
  readonly number: number;
  readonly #parts: LeaseParts;
  readonly #store: SegmentStore;
  /** Of all its transactions, so that the next holder can end one that this one left behind. */
  readonly #session: ClientSession;
  #turnNumber: number;
  #epoch: number | undefined;
  #segments: readonly Segment[];
  #serial = 0;
  #over = false;
  #turn: Promise<unknown> = Promise.resolve();
  #merging: Promise<void> | undefined;
  #cancelRenewal: () => void = () => {};

  /** Takes the task as it was found; undefined where somebody else was faster. */
  static async take(
    parts: LeaseParts,
    found: TaskDocument,
  ): Promise<{ readonly lease: TaskLease; readonly document: TaskDocument } | undefined> {
    const now = parts.clock.now();
    const session = parts.client.startSession();
    await endTransaction(parts, found);
    const document = await parts.tasks.findOneAndUpdate(
      { _id: found._id, lease: found.lease, released: found.released, renewedMs: found.renewedMs },
      {
        $set: {
          lease: found.lease + 1,
          released: false,
          host: hostname(),
          pid: process.pid,
          sinceMs: now,
          renewedMs: now,
          ...(session.id === undefined ? {} : { session: session.id }),
        },
        $inc: { turn: 1 },
      },
      { returnDocument: "after" },
    );
    if (document === null) {
      await session.endSession();
      return undefined;
    }
    const lease = new TaskLease(parts, document as TaskDocument, session);
    lease.#renewLater();
    await lease.#store
      .removeOrphans(lease.number, lease.#segments)
      .catch((error) => parts.logger.warn("old parts of checkpoints are not collected", { error: messageOf(error) }));
    return { lease, document: document as TaskDocument };
  }

  private constructor(parts: LeaseParts, { lease, turn, epoch, segments }: TaskDocument, session: ClientSession) {
    this.#parts = parts;
    this.#session = session;
    this.number = lease;
    this.#turnNumber = turn;
    this.#epoch = epoch;
    this.#segments = segments;
    this.#store = new SegmentStore(parts.parts, parts.task, parts.partBytes);
  }

  /** State changes first, where nobody sees them; then the head that names them and the sinks' writes, at once. */
  async commit(delta: CheckpointDelta): Promise<void> {
    // As of this moment: the caller may go on with its own maps.
    const head = Buffer.from(checkpointHeadText(delta));
    // Epochs come faster than they can be merged.
    if (this.#segments.length >= MAX_SEGMENTS) await this.#merging;
    return this.#inTurn(async () => {
      const { task, system } = this.#parts;
      const payloads = delta.commits.map(({ sink, payload }) => payloadOf(system, sink, payload));
      if (this.#epoch !== undefined && delta.epoch <= this.#epoch)
        throw new StreamError(
          "E_CHECKPOINT_STORE",
          `epoch ${delta.epoch} of task "${task}" is not newer than ${this.#epoch}, which is committed`,
        );
      if (head.length > MAX_HEAD_BYTES)
        throw new StreamError(
          "E_CHECKPOINT_STORE",
          `positions and sink states of task "${task}" have ${head.length} bytes; at most ${MAX_HEAD_BYTES} fit into a document`,
        );
      const written = await this.#store.write(this.number, ++this.#serial, await sortEntries(delta.changes));
      const segments = written === undefined ? this.#segments : [...this.#segments, written];
      await this.#save(delta.epoch, head, segments, payloads);
      this.#epoch = delta.epoch;
      this.#segments = segments;
      this.#mergeLater();
    });
  }

  latestEpoch(): Promise<number | undefined> {
    return this.#inTurn(async () => {
      // What is still on its way finds another turn and is refused, so the answer stays true.
      const document = await this.#parts.tasks.findOneAndUpdate(
        this.#held(),
        { $inc: { turn: 1 } },
        { returnDocument: "after" },
      );
      if (document === null) throw await this.#lost();
      this.#turnNumber = document.turn;
      this.#epoch = document.epoch;
      this.#segments = document.segments;
      return this.#epoch;
    });
  }

  /** All state as of the checkpoint that was found. */
  async *entries(segments: readonly Segment[], pageSize: number): AsyncGenerator<StateEntry[]> {
    let page: StateEntry[] = [];
    const merged = mergeEntries(
      segments.map((segment) => this.#store.read(segment)),
      { keepDeleted: false },
    );
    for await (const [state, key, value] of merged) {
      // Bytes of their own: a slice would keep its whole part.
      page.push([state, Uint8Array.from(key), value === undefined ? undefined : Uint8Array.from(value)]);
      if (page.length < pageSize) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  /** Gives the task back; nothing where it is somebody else's by now. */
  async release(): Promise<void> {
    this.#cancelRenewal();
    await this.#inTurn(async () => {
      if (this.#over) return;
      this.#over = true;
      await this.#parts.tasks.updateOne(this.#held(), { $set: { released: true } });
    });
    while (this.#merging !== undefined) await this.#merging;
    await this.#session.endSession();
  }

  #held(): Filter<TaskDocument> {
    return { _id: this.#parts.task, lease: this.number, released: false };
  }

  /** One call at a time, in order. */
  #inTurn<R>(work: () => Promise<R>): Promise<R> {
    const turn = this.#turn.then(work).catch((error) => {
      throw error instanceof StreamError ? error : classify(error);
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #save(
    epoch: number,
    head: Uint8Array,
    segments: readonly Segment[],
    payloads: readonly MongoPayload[],
  ): Promise<void> {
    const { client, tasks, task, clock, random } = this.#parts;
    const filter = { ...this.#held(), turn: this.#turnNumber };
    const update: UpdateFilter<TaskDocument> = {
      $set: {
        epoch,
        head: new Binary(head),
        sum: headSum(task, head, segments),
        segments,
        renewedMs: clock.now(),
      },
    };
    const set = async (session?: ClientSession): Promise<void> => {
      const { matchedCount } = await tasks.updateOne(filter, update, session === undefined ? {} : { session });
      if (matchedCount === 0) throw new Fenced();
    };
    try {
      if (payloads.length === 0) await set();
      else
        await inTransaction(
          this.#session,
          async (session) => {
            await set(session);
            for (const payload of payloads) await writePayload(client, payload, session);
          },
          { clock, random },
        );
    } catch (error) {
      throw error instanceof Fenced ? await this.#lost() : error;
    }
  }

  /** Why the task's document did not match. */
  async #lost(): Promise<StreamError> {
    const { tasks, task } = this.#parts;
    const found = await tasks.findOne({ _id: task });
    if (found !== null && found.lease === this.number && !found.released)
      return new StreamError(
        "E_CHECKPOINT_STORE",
        `task "${task}": the newest epoch was asked for since this commit was sent, so it is not taken any more`,
      );
    this.#over = true;
    this.#cancelRenewal();
    const holder = found === null || found.lease === this.number ? "" : ` by process ${found.pid} on ${found.host}`;
    return new StreamError(
      "E_FENCED",
      `the lease ${this.number} of task "${task}" is over: it was released or taken over${holder}`,
    );
  }

  #renewLater(): void {
    const { clock, tasks } = this.#parts;
    this.#cancelRenewal = clock.schedule(clock.now() + LEASE_RENEW_MS, () => {
      // Beside a commit: one that takes long must not cost the lease.
      const renewal = async (): Promise<void> => {
        const { matchedCount } = await tasks.updateOne(this.#held(), { $set: { renewedMs: clock.now() } });
        if (matchedCount === 0 && !this.#over) await this.#lost();
      };
      // The next commit hears of it.
      void renewal()
        .catch(() => {})
        .then(() => {
          if (!this.#over) this.#renewLater();
        });
    });
  }

  /** Beside the next epochs; what fails is tried again behind the next commit. */
  #mergeLater(): void {
    const count = segmentsToMerge(this.#segments.map(({ bytes }) => bytes));
    if (count === 0 || this.#merging !== undefined || this.#over) return;
    this.#merging = this.#merge(this.#segments.slice(-count), count === this.#segments.length).then(
      () => {
        this.#merging = undefined;
        this.#mergeLater();
      },
      (error) => {
        this.#merging = undefined;
        const { logger, task } = this.#parts;
        logger.warn("old epochs are not collected yet", { task, error: messageOf(error) });
      },
    );
  }

  async #merge(old: readonly Segment[], all: boolean): Promise<void> {
    const entries = mergeEntries(
      old.map((segment) => this.#store.read(segment)),
      { keepDeleted: !all },
    );
    const merged = await this.#store.write(this.number, ++this.#serial, entries);
    const replaced = await this.#inTurn(() => (this.#over ? Promise.resolve(false) : this.#replace(old, merged)));
    if (replaced) await this.#store.remove(old);
  }

  /** Commits have only added segments behind those. */
  async #replace(old: readonly Segment[], merged: Segment | undefined): Promise<boolean> {
    const { tasks, task } = this.#parts;
    const from = this.#segments.findIndex(({ lease, serial }) => lease === old[0]?.lease && serial === old[0]?.serial);
    if (from === -1) return false;
    const segments = this.#segments.toSpliced(from, old.length, ...(merged === undefined ? [] : [merged]));
    const filter = { ...this.#held(), turn: this.#turnNumber };
    const found = await tasks.findOne(filter);
    if (found?.head === undefined || found.sum === undefined) return false;
    const head = Buffer.isBuffer(found.head) ? found.head : Buffer.from((found.head as Binary).buffer);
    // With the sum: should this come late, it must not take back a commit.
    const { matchedCount } = await tasks.updateOne(
      { ...filter, sum: found.sum },
      { $set: { segments, sum: headSum(task, head, segments) } },
    );
    if (matchedCount === 0) return false;
    this.#segments = segments;
    return true;
  }
}

/** A process that dies in the middle of a transaction leaves the task's document locked for a minute. Who may not end it waits so long. */
async function endTransaction({ client }: LeaseParts, { released, session }: TaskDocument): Promise<void> {
  if (released || session === undefined) return;
  await client
    .db("admin")
    .command({ killSessions: [session] })
    .catch(() => {});
}

/** The task's document is not as this lease left it. */
class Fenced extends Error {}

async function writePayload(
  client: MongoClient,
  { database, collection, writes }: MongoPayload,
  session: ClientSession,
): Promise<void> {
  const target = client.db(database).collection(collection);
  const refused = await bulkInTransaction(target, writes.map(modelOf), session);
  if (refused !== undefined)
    throw new StreamError(
      "E_CHECKPOINT_STORE",
      `collection "${collection}" refuses a write of a transactional sink inside the checkpoint's commit: error ${refused.code}: ${refused.message}`,
    );
}
