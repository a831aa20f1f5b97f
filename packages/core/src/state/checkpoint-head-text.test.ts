import { describe, expect, it } from "vitest";
import type { CheckpointHead } from "../connector.js";
import { checkpointHeadText, parseCheckpointHead } from "./checkpoint-head-text.js";

const head: CheckpointHead = {
  format: 1,
  epoch: 7,
  ended: false,
  topologyHash: "abc",
  mode: "per-partition",
  positions: new Map([["__proto__", new Map([["0", "12"]])]]),
  partitionCounts: new Map([["orders", 4]]),
  time: {
    processing: Number.NEGATIVE_INFINITY,
    watermarks: new Map([
      ["a", -0.5],
      ["b", Number.NEGATIVE_INFINITY],
    ]),
  },
  sinkStates: new Map([["file", Uint8Array.of(0, 255)]]),
};

describe("a checkpoint's head as text", () => {
  it("comes back as it was, times before all time included", () => {
    expect(parseCheckpointHead(checkpointHeadText(head))).toEqual(head);
  });

  it("of another format is refused", () => {
    expect(() => parseCheckpointHead(checkpointHeadText(head).replace('"format":1', '"format":2'))).toThrow(/format 2/);
  });
});
