import type { Key } from "@millrace/core";

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const encoder = new TextEncoder();

/**
 * Murmur2 as Kafka's default partitioner computes it: a key has the same partition here and in a Redpanda or Kafka topic with as many
 * partitions.
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = SEED ^ length;
  const words = length >> 2;
  for (let word = 0; word < words; word++) {
    const i = word << 2;
    let k = byte(bytes, i) | (byte(bytes, i + 1) << 8) | (byte(bytes, i + 2) << 16) | (byte(bytes, i + 3) << 24) | 0;
    k = Math.imul(k, M);
    k ^= k >>> 24;
    k = Math.imul(k, M);
    hash = Math.imul(hash, M) ^ k;
  }
  const rest = words << 2;
  const left = length & 3;
  if (left >= 3) hash ^= byte(bytes, rest + 2) << 16;
  if (left >= 2) hash ^= byte(bytes, rest + 1) << 8;
  if (left >= 1) hash = Math.imul(hash ^ byte(bytes, rest), M);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return (hash ^ (hash >>> 15)) | 0;
}

/** The number of the partition that messages with these key bytes go to. */
export function partitionOfBytes(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions;
}

/** The partition of a key whose messages carry it as text (`String(key)` in UTF-8), as `encode` functions usually write it. */
export function partitionOfKey(key: Key, partitions: number): string {
  return String(partitionOfBytes(encoder.encode(String(key)), partitions));
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}
