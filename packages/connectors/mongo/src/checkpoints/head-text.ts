import type { CheckpointHead } from "@millrace/core";

type Pairs<V> = readonly (readonly [string, V])[];

/** A head as JSON: maps as pairs, bytes as base64, times as text because they may be infinite. */
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

/** All of a checkpoint but its entries. */
export function headBytes({
  format,
  epoch,
  ended,
  topologyHash,
  mode,
  positions,
  partitionCounts,
  time,
  sinkStates,
}: CheckpointHead): Uint8Array {
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
  return Buffer.from(JSON.stringify(text));
}

/** The head again; throws where the bytes are not one. */
export function parseHead(bytes: Uint8Array): CheckpointHead {
  const head = JSON.parse(Buffer.from(bytes).toString()) as HeadText;
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
    sinkStates: new Map(head.sinkStates.map(([sink, text]) => [sink, new Uint8Array(Buffer.from(text, "base64"))])),
  };
}
