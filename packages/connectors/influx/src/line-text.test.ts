import { describe, expect, it } from "vitest";
import { LineText } from "./line-text.js";

describe("LineText", () => {
  it.each([0, 1, 63, 64, 65, 128, 200])("has each of %i lines once, in order", (count) => {
    const lines = Array.from({ length: count }, (_, i) => `m v=${i} ${i}`);
    const text = new LineText();
    for (const line of lines) text.add(line);
    expect(text.count).toBe(count);
    expect(text.text).toBe(lines.join("\n"));
  });
});
