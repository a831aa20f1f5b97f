import { expect, it } from "vitest";
import { withoutFrames } from "./snappy-frames.js";

const upper = (block: Buffer): Buffer => Buffer.from(block.toString().toUpperCase());

function framed(...blocks: readonly string[]): Buffer {
  const parts = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])];
  for (const block of blocks) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(block.length);
    parts.push(length, Buffer.from(block));
  }
  return Buffer.concat(parts);
}

it("decompresses block after block where there are frames, else everything as one", () => {
  expect(withoutFrames(framed("ab", "", "cde"), upper).toString()).toBe("ABCDE");
  expect(withoutFrames(framed(), upper).toString()).toBe("");
  expect(withoutFrames(Buffer.from("no frames, but longer than a header"), upper).toString()).toBe(
    "NO FRAMES, BUT LONGER THAN A HEADER",
  );
  expect(withoutFrames(Buffer.from("short"), upper).toString()).toBe("SHORT");
});

it("refuses a block that is cut off", () => {
  expect(() => withoutFrames(framed("ab", "cde").subarray(0, -1), upper)).toThrow(/cut off/);
});
