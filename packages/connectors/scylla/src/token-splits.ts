/** The ring of the Murmur3 partitioner: tokens are 64-bit numbers. */
export const MIN_TOKEN: bigint = -(2n ** 63n);
export const MAX_TOKEN: bigint = 2n ** 63n - 1n;

/**
 * A part of the ring: tokens above `after`, up to and including `upTo`. The first part begins before the smallest token, which has no
 * number of 64 bits: it is asked for with "at least".
 */
export interface TokenRange {
  readonly after: bigint;
  readonly upTo: bigint;
}

/** Before every token. */
export const BEFORE_ALL: bigint = MIN_TOKEN - 1n;

/** The whole ring in `count` parts of equal size, without a gap. They do not depend on the hosts, so a position holds while those change. */
export function splitRing(count: number): readonly TokenRange[] {
  const size = MAX_TOKEN - BEFORE_ALL;
  const bound = (i: number): bigint => BEFORE_ALL + (size * BigInt(i)) / BigInt(count);
  return Array.from({ length: count }, (_, i) => ({ after: bound(i), upTo: bound(i + 1) }));
}

/** The part of `range` above `done` up to where the next host's tokens begin, so that one host has all of it; undefined at its end. */
export function nextPiece(range: TokenRange, done: bigint, ring: readonly bigint[]): TokenRange | undefined {
  if (done >= range.upTo) return undefined;
  let upTo = range.upTo;
  for (const token of ring) if (token > done && token < upTo) upTo = token;
  return { after: done, upTo };
}
