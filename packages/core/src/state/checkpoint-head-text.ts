import type { CheckpointHead } from "../connector.js";

type Pairs<V> = readonly (readonly [string, V])[];

/** Maps as pairs, bytes as base64, times as text because they may be infinite. */
interface HeadText {
  readonly format: number;
  readonly epoch: number;
  readonly ended: boolean;
  readonly topologyHash: string;
  readonly mode: CheckpointHead["mode"];
  readonly positions: Pairs<Pairs<string>>;
  readonly partitionCounts: Pairs<number>;
  readonly processing: string;
  readonly watermarks: Pairs<string>;
  readonly sinkStates: Pairs<string>;
}

/**
 * All of a checkpoint but its entries, as JSON: for stores, which save it beside them. {@link parseCheckpointHead} reads it.
 *
 * @example
 * ```ts
 * import { type CheckpointHead, checkpointHeadText, parseCheckpointHead } from "@millrace/core";
 * const copy = (head: CheckpointHead): CheckpointHead => parseCheckpointHead(checkpointHeadText(head));
 * ```
 */
export function checkpointHeadText(head: CheckpointHead): string {
  const { format, epoch, ended, topologyHash, mode, positions, partitionCounts, time, sinkStates } = head;
  const text: HeadText = {
    format,
    epoch,
    ended,
    topologyHash,
    mode,
    positions: [...positions].map(([source, own]) => [source, [...own]]),
    partitionCounts: [...partitionCounts],
    processing: String(time.processing),
    watermarks: [...time.watermarks].map(([name, watermark]) => [name, String(watermark)]),
    sinkStates: [...sinkStates].map(([sink, bytes]) => [sink, Buffer.from(bytes).toString("base64")]),
  };
  return JSON.stringify(text);
}

/**
 * The head that {@link checkpointHeadText} wrote. Throws an Error for a text of another format, and whatever JSON.parse() or a missing part
 * throws for one that is damaged: what the store makes of that (`E_CHECKPOINT_CORRUPT`) is its own.
 *
 * @example
 * ```ts
 * import { type CheckpointHead, parseCheckpointHead } from "@millrace/core";
 * const epochOf = (text: string): CheckpointHead["epoch"] => parseCheckpointHead(text).epoch;
 * ```
 */
export function parseCheckpointHead(text: string): CheckpointHead {
  const head = JSON.parse(text) as HeadText;
  if (head.format !== 1) throw new Error(`it is of format ${String(head.format)}, and this version reads format 1`);
  return {
    format: 1,
    epoch: head.epoch,
    ended: head.ended,
    topologyHash: head.topologyHash,
    mode: head.mode,
    positions: new Map(head.positions.map(([source, own]) => [source, new Map(own)])),
    partitionCounts: new Map(head.partitionCounts),
    time: {
      processing: Number(head.processing),
      watermarks: new Map(head.watermarks.map(([name, watermark]) => [name, Number(watermark)])),
    },
    sinkStates: new Map(head.sinkStates.map(([sink, bytes]) => [sink, Uint8Array.from(Buffer.from(bytes, "base64"))])),
  };
}
