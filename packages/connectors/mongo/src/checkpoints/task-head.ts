import { crc32 } from "node:zlib";
import { type CheckpointHead, messageOf, parseCheckpointHead, StreamError } from "@millrace/core";
import type { Binary, Document } from "mongodb";
import type { Segment } from "./segment-store.js";

/** The one document of a task: who holds it, and its newest checkpoint. */
export interface TaskDocument extends Document {
  readonly _id: string;
  readonly lease: number;
  readonly released: boolean;
  readonly host: string;
  readonly pid: number;
  readonly sinceMs: number;
  readonly renewedMs: number;
  /** Rises whenever the newest epoch is asked for: a commit that was sent before that is no longer taken. */
  readonly turn: number;
  /** Of the holder's transactions. */
  readonly session?: Document;
  readonly epoch?: number;
  readonly head?: Binary | Buffer;
  readonly sum?: number;
  /** From the oldest to the newest. */
  readonly segments: readonly Segment[];
}

/** Over everything that says what the checkpoint is made of. */
export function headSum(task: string, head: Uint8Array, segments: readonly Segment[]): number {
  const text = segments.map(({ lease, serial, parts, bytes, entries }) => [lease, serial, parts, bytes, entries]);
  return crc32(head, crc32(JSON.stringify([task, text])));
}

/** The head of a task's newest checkpoint; undefined where it has none. Throws `E_CHECKPOINT_CORRUPT`. */
export function headOf(document: TaskDocument): CheckpointHead | undefined {
  const { _id: task, epoch, head, sum, segments } = document;
  if (epoch === undefined || head === undefined) return undefined;
  const bytes = Buffer.isBuffer(head) ? head : Buffer.from((head as Binary).buffer);
  if (headSum(task, bytes, segments) !== sum) throw damaged(task, "its head has changed since it was written");
  try {
    return parseCheckpointHead(Buffer.from(bytes).toString());
  } catch (error) {
    throw damaged(task, messageOf(error));
  }
}

function damaged(task: string, why: string): StreamError {
  return new StreamError("E_CHECKPOINT_CORRUPT", `the checkpoint of task "${task}" is damaged: ${why}`);
}
