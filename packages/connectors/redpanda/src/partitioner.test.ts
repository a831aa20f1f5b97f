import { expect, it } from "vitest";
import { partitionOfKey } from "./partitioner.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The hashes that Kafka's own tests name (UtilsTest.testMurmur2), as partitions of so many that nothing folds together. */
it.each([
  ["21", -973_932_308],
  ["foobar", -790_332_482],
  ["a-little-bit-long-string", -985_981_536],
  ["a-little-bit-longer-string", -1_486_304_829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971],
  ["abc", 479_470_107],
])("puts %j where Kafka's own clients do", (key, hash) => {
  expect(partitionOfKey(bytes(key), 2 ** 31)).toBe(hash & 0x7fff_ffff);
});
