/** What Kafka's own client puts around the blocks of a batch: this, two versions of four bytes, then each block with its length before it. */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const HEADER_BYTES = 16;
const LENGTH_BYTES = 4;

/** Decompresses a batch with frames or, as other clients write it, one block without. */
export function withoutFrames(data: Buffer, decompress: (block: Buffer) => Buffer): Buffer {
  if (data.length < HEADER_BYTES || !data.subarray(0, MAGIC.length).equals(MAGIC)) return decompress(data);
  const blocks: Buffer[] = [];
  for (let at = HEADER_BYTES; at < data.length; ) {
    const from = at + LENGTH_BYTES;
    const end = from + data.readUInt32BE(at);
    if (end > data.length) throw new RangeError("the last block of a snappy batch is cut off");
    blocks.push(decompress(data.subarray(from, end)));
    at = end;
  }
  return Buffer.concat(blocks);
}
