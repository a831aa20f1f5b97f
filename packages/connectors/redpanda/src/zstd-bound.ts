const MAGIC = 0xfd2fb528;
const MAGIC_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
/** The most that comes out of one block. */
const BLOCK_BYTES = 128 * 1024;
const RLE = 1;
/** By the two highest bits of the descriptor: bytes of the content's size. Without it, one byte where the frame is a single segment. */
const SIZE_BYTES = [0, 2, 4, 8] as const;
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;

/** The most that can come out of a frame of zstd, by its blocks: a frame written as a stream does not say how much it is. */
export function zstdBound(frame: Buffer): number {
  if (frame.length < MAGIC_BYTES + 1 || frame.readUInt32LE(0) !== MAGIC) throw new RangeError("it is no frame of zstd");
  const descriptor = frame[MAGIC_BYTES] as number;
  const isSingle = (descriptor & 0b10_0000) !== 0;
  const sizeBytes = (SIZE_BYTES[descriptor >> 6] as number) || (isSingle ? 1 : 0);
  let at = MAGIC_BYTES + 1 + (isSingle ? 0 : 1) + (DICTIONARY_BYTES[descriptor & 0b11] as number) + sizeBytes;
  for (let blocks = 1; ; blocks++) {
    if (at + BLOCK_HEADER_BYTES > frame.length) throw new RangeError("the frame of zstd is cut off");
    const header = frame.readUIntLE(at, BLOCK_HEADER_BYTES);
    at += BLOCK_HEADER_BYTES + (((header >> 1) & 0b11) === RLE ? 1 : header >> 3);
    if ((header & 1) === 1) {
      if (at > frame.length) throw new RangeError("the frame of zstd is cut off");
      return blocks * BLOCK_BYTES;
    }
  }
}
