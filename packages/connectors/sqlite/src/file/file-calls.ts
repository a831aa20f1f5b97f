import type { CheckpointWriter, CommitCall, LeaseResult } from "../checkpoints/checkpoint-writer.js";
import type { LeaseCall } from "../checkpoints/lease-lock.js";
import type { Page, PageCall } from "../checkpoints/state-tables.js";
import type { TablePlan } from "../table/table-plan.js";
import type { RefusedRow, UpsertCall } from "../table/table-rows.js";
import type { CommitPositionsCall } from "../topic/group-positions.js";
import type { FlushMark, WriterFacts } from "../topic/id-memory.js";
import type { AppendCall, AppendResult, OpenWriterCall, TopicLog } from "../topic/topic-log.js";
import type { TopicFacts } from "../topic/topic-tables.js";
import type { Failure } from "./failure.js";

/** What the thread that owns a file can be asked. Every call is one transaction, and they run one after the other. */
export interface FileCalls {
  open(call: { readonly path: string }): void;
  ping(call: Record<never, never>): void;
  /** The file takes no more than so many bytes. */
  limit(call: { readonly bytes: number }): void;
  defineTopic(call: { readonly name: string; readonly partitions: number | undefined }): TopicFacts;
  append(call: AppendCall): AppendResult;
  openWriter(call: OpenWriterCall): WriterFacts;
  flushWriter(call: { readonly writer: number }): FlushMark;
  purge(call: Parameters<TopicLog["purge"]>[0]): number;
  commitPositions(call: CommitPositionsCall): void;
  forgetGroup(call: { readonly topic: number; readonly group: string }): void;
  defineTable(call: { readonly plan: TablePlan }): { readonly own: boolean };
  upsert(call: UpsertCall): readonly RefusedRow[];
  rehearse(call: UpsertCall): readonly RefusedRow[];
  defineCheckpoints(call: Record<never, never>): void;
  lease(call: LeaseCall): LeaseResult;
  release(call: Parameters<CheckpointWriter["release"]>[0]): void;
  latestEpoch(call: Parameters<CheckpointWriter["latestEpoch"]>[0]): number | undefined;
  page(call: PageCall & { readonly lease: number }): Page;
  stage(call: Parameters<CheckpointWriter["stage"]>[0]): void;
  commit(call: CommitCall): void;
  close(call: Record<never, never>): void;
}

export type CallName = keyof FileCalls;
export type CallArgument<N extends CallName> = Parameters<FileCalls[N]>[0];
export type CallResult<N extends CallName> = ReturnType<FileCalls[N]>;

/** A call as it crosses to the thread. */
export interface CallMessage<N extends CallName = CallName> {
  readonly number: number;
  readonly name: N;
  readonly argument: CallArgument<N>;
}

/** Its answer. */
export type AnswerMessage =
  | { readonly number: number; readonly result: unknown }
  | { readonly number: number; readonly failure: Failure };
