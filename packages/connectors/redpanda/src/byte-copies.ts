/** As Node.js's own pool has. */
const SLAB_BYTES = 8_192;
/** Larger ones get memory of their own. */
const LARGEST_IN_SLAB = SLAB_BYTES / 8;

let slab = new ArrayBuffer(SLAB_BYTES);
let used = 0;

/**
 * A copy of a few bytes out of a large buffer, so that keeping them does not keep that. Small copies lie side by side in 8 KB: memory of its own for each
 * costs more than all else that is done with a message.
 */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length > LARGEST_IN_SLAB) return new Uint8Array(bytes);
  if (used + length > slab.byteLength) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const copy = new Uint8Array(slab, used, length);
  copy.set(bytes);
  // Whoever looks at it as numbers of eight bytes finds it aligned.
  used = (used + length + 7) & ~7;
  return copy;
}
