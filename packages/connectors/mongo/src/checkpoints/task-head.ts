import { hostname } from "node:os";
import { crc32 } from "node:zlib";
import { type CheckpointHead, messageOf, parseCheckpointHead, StreamError } from "@millrace/core";
import type { Binary, Document } from "mongodb";
import type { Segment } from "./segment-store.js";

export const LAPSE_MS = 15_000;

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

/** Given back, not renewed in time, or of a process of this host that is gone. Taking it fences its holder, should it live after all. */
export function isOver({ released, renewedMs, host, pid }: TaskDocument, nowMs: number): boolean {
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

export function leaseHeld(collection: string, { _id: task, host, pid, sinceMs }: TaskDocument): StreamError {
  return new StreamError(
    "E_LEASE_HELD",
    `task "${task}" in collection "${collection}" is run by process ${pid} on ${host} since ${new Date(sinceMs).toISOString()}. Stop that run first; a lease whose process is gone lapses after ${LAPSE_MS / 1_000} s`,
  );
}
