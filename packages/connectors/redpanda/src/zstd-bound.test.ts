import { Zstd } from "@hpcc-js/wasm-zstd";
import { expect, it } from "vitest";
import { zstdBound } from "./zstd-bound.js";

const zstd = await Zstd.load();

/** As a stream: the frame does not say how much it is. */
function streamed(data: Buffer): Buffer {
  zstd.reset();
  return Buffer.concat([zstd.compressChunk(data), zstd.compressEnd()]);
}

const texts = [0, 1, 255, 256, 70_000, 128 * 1024, 128 * 1024 + 1, 500_000].flatMap((size) => [
  Buffer.alloc(size, "a"),
  Buffer.from(Array.from({ length: size }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff)),
]);

it("is never less than what comes out, and all of it comes out", () => {
  for (const data of texts)
    for (const frame of [Buffer.from(zstd.compress(data)), streamed(data)]) {
      const bound = zstdBound(frame);
      expect(bound).toBeGreaterThanOrEqual(data.length);
      zstd.reset();
      expect(Buffer.from(zstd.decompressChunk(frame, bound)).equals(data)).toBe(true);
    }
});

it("refuses what is no frame, and a frame that is cut off", () => {
  expect(() => zstdBound(Buffer.from("no frame at all"))).toThrow(/no frame/);
  expect(() => zstdBound(Buffer.alloc(0))).toThrow(/no frame/);
  const frame = streamed(Buffer.alloc(300_000, "abc"));
  for (let end = 5; end < frame.length; end++) expect(() => zstdBound(frame.subarray(0, end))).toThrow(/cut off/);
});
