import type { CheckpointHead } from "@millrace/core";

type Pairs<V> = readonly (readonly [string, V])[];

/** A head as JSON: maps as pairs, bytes as base64, numbers as text where they may be infinite. */
interface HeadText {
  readonly format: 1;
  readonly ended: boolean;
  readonly topologyHash: string;
  readonly mode: CheckpointHead["mode"];
  readonly positions: Pairs<Pairs<string>>;
  readonly partitionCounts: Pairs<number>;
  readonly processing: string;
  readonly watermarks: Pairs<string>;
  readonly sinkStates: Pairs<string>;
}

/** All of a checkpoint but its entries and its epoch, as text. */
export function headText(head: CheckpointHead): string {
  const text: HeadText = {
    format: head.format,
    ended: head.ended,
    topologyHash: head.topologyHash,
    mode: head.mode,
    positions: [...head.positions].map(([source, positions]) => [source, [...positions]]),
    partitionCounts: [...head.partitionCounts],
    processing: String(head.time.processing),
    watermarks: [...head.time.watermarks].map(([name, time]) => [name, String(time)]),
    sinkStates: [...head.sinkStates].map(([sink, bytes]) => [sink, Buffer.from(bytes).toString("base64")]),
  };
  return JSON.stringify(text);
}

/** The head again; throws where the text is not one. */
export function parseHead(text: string, epoch: number): CheckpointHead {
  const head = JSON.parse(text) as HeadText;
  if (head.format !== 1) throw new Error(`it is of format ${String(head.format)}, and this version reads format 1`);
  return {
    format: 1,
    epoch,
    ended: head.ended,
    topologyHash: head.topologyHash,
    mode: head.mode,
    positions: new Map(head.positions.map(([source, positions]) => [source, new Map(positions)])),
    partitionCounts: new Map(head.partitionCounts),
    time: {
      processing: Number(head.processing),
      watermarks: new Map(head.watermarks.map(([name, time]) => [name, Number(time)])),
    },
    sinkStates: new Map(head.sinkStates.map(([sink, bytes]) => [sink, Uint8Array.from(Buffer.from(bytes, "base64"))])),
  };
}
