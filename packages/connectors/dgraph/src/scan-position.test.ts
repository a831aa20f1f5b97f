import { describe, expect, it } from "vitest";
import { compareScans, positionText, scanPosition } from "./scan-position.js";

describe("a scan's position", () => {
  it("comes back as it was", () => {
    const position = { at: { ts: 42, hash: "ab12" }, after: "0x1f", over: true };
    expect(scanPosition(positionText(position))).toEqual(position);
    expect(scanPosition(undefined)).toEqual({ at: undefined, after: "0x0", over: false });
  });

  it("is refused where it is none: its uid goes into a query", () => {
    for (const text of [
      "",
      "1/0x1/more",
      "1/1/more/",
      "1/0x1) { uid } b(func: has(x)/more/",
      "x/0x1/over/",
      "1/0x1/else/",
    ])
      expect(() => scanPosition(text)).toThrow("E_DGRAPH_POSITION");
  });

  it("compares by snapshot, then by uid as a number", () => {
    const order = ["1/0x9/more/", "1/0x10/more/", "1/0x10/over/", "2/0x1/more/"].map(scanPosition);
    for (const [i, left] of order.entries())
      for (const [j, right] of order.entries()) expect(Math.sign(compareScans(left, right))).toBe(Math.sign(i - j));
  });
});
