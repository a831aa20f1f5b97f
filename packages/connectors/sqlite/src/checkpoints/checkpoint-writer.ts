import { type Connection, inTransaction } from "../file/database.js";
import { FileFailure } from "../file/failure.js";
import type { TableRows, UpsertCall } from "../table/table-rows.js";
import type { AppendCall, TopicLog } from "../topic/topic-log.js";
import { type Holder, type LeaseCall, LeaseLocks } from "./lease-lock.js";
import { defineCheckpoints, type Page, type PageCall, type SavedHead, StateTables } from "./state-tables.js";

/** What a transactional sink left for the commit. */
export type SinkPart =
  | { readonly kind: "messages"; readonly append: AppendCall }
  | { readonly kind: "rows"; readonly upsert: UpsertCall };

export interface CommitCall extends SavedHead {
  readonly task: string;
  readonly lease: number;
  /** The number under which pieces of the changes were staged before. */
  readonly staged: number;
  readonly parts: readonly SinkPart[];
}

export type LeaseResult =
  | { readonly number: number; readonly latest: SavedHead | undefined }
  | { readonly heldBy: Holder | undefined };

/** Takes checkpoints: leases, commits, restores. Lives in the thread that owns the file. */
export class CheckpointWriter {
  readonly #db: Connection;
  readonly #path: string;
  readonly #topics: TopicLog;
  readonly #tables: TableRows;
  readonly #locks: LeaseLocks;
  readonly #state: StateTables;
  readonly #staged = new Map<number, Uint8Array[]>();

  constructor(db: Connection, path: string, topics: TopicLog, tables: TableRows) {
    this.#db = db;
    this.#path = path;
    this.#topics = topics;
    this.#tables = tables;
    this.#locks = new LeaseLocks(db, path);
    this.#state = new StateTables(db, path);
  }

  define(): void {
    defineCheckpoints(this.#db, this.#path);
  }

  lease(call: LeaseCall): LeaseResult {
    const taken = this.#locks.take(call);
    if ("heldBy" in taken) return taken;
    try {
      return {
        number: taken.number,
        latest: this.#state.latest(call.task, this.#locks.require(call.task, taken.number).id),
      };
    } catch (error) {
      this.#locks.release(call.task, taken.number);
      throw error;
    }
  }

  release({ task, lease }: { readonly task: string; readonly lease: number }): void {
    this.#locks.release(task, lease);
  }

  latestEpoch({ task, lease }: { readonly task: string; readonly lease: number }): number | undefined {
    return this.#state.epoch(this.#locks.require(task, lease).id);
  }

  page(call: PageCall & { readonly lease: number }): Page {
    return this.#state.page(this.#locks.require(call.task, call.lease).id, call);
  }

  /** Keeps a piece of the changes until their commit comes. */
  stage({ staged, piece }: { readonly staged: number; readonly piece: Uint8Array }): void {
    const pieces = this.#staged.get(staged);
    if (pieces === undefined) this.#staged.set(staged, [piece]);
    else pieces.push(piece);
  }

  /** State, positions and the outputs of transactional sinks: all of it or nothing. */
  commit({ task, lease, epoch, head, staged, parts }: CommitCall): void {
    const pieces = this.#staged.get(staged) ?? [];
    this.#staged.delete(staged);
    inTransaction(this.#db, () => {
      const { id } = this.#locks.require(task, lease);
      const last = this.#state.epoch(id);
      if (last !== undefined && epoch <= last)
        throw new FileFailure(
          "E_CHECKPOINT_STORE",
          "fatal",
          `epoch ${epoch} of task "${task}" is not newer than ${last}, the last one in ${this.#path}`,
        );
      this.#state.save(task, id, { epoch, head }, pieces);
      for (const part of parts) {
        if (part.kind === "messages") this.#topics.appendInTransaction(part.append);
        else this.#tables.upsertInTransaction(part.upsert);
      }
    });
  }

  close(): void {
    this.#locks.close();
  }
}
