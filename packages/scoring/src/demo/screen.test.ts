import { describe, expect, it } from "vitest";
import { bar, fitted, grouped, Screen, spoken } from "./screen.js";

function output(
  isTTY: boolean,
  columns = 40,
): { text: string; isTTY: boolean; columns: number; write(text: string): void } {
  return {
    text: "",
    isTTY,
    columns,
    write(text: string) {
      this.text += text;
    },
  };
}

describe("Screen", () => {
  it("writes one line again and again on a terminal, and erases it before one that stays", () => {
    const out = output(true);
    const screen = new Screen(out);
    screen.status(["one"]);
    screen.status(["two"]);
    screen.line("stays");
    expect(out.text).toBe("\r\u001b[2Kone\r\u001b[2Ktwo\r\u001b[2Kstays\n");
  });

  it("never reaches the last column, so that no terminal breaks the line", () => {
    const out = output(true, 20);
    new Screen(out).status(["123456789", "123456", "more"]);
    expect(out.text.replace("\r\u001b[2K", "")).toBe("123456789 · 123456");
  });

  it("writes plain lines every five seconds without a terminal", () => {
    let now = 0;
    const out = output(false);
    const screen = new Screen(out, () => now);
    for (; now <= 10_000; now += 250) screen.status([`at ${now}`, "x"]);
    screen.status(["last"], true);
    expect(out.text).toBe("at 0 · x\nat 5000 · x\nat 10000 · x\nlast\n");
  });
});

describe("the words of the status line", () => {
  it("fits", () => {
    expect(fitted(["abc", "def"], 9)).toBe("abc · def");
    expect(fitted(["abc", "def"], 8)).toBe("abc");
    expect(fitted(["abc", "def"], 2)).toBe("ab");
    expect(fitted([], 10)).toBe("");
  });

  it("reads well", () => {
    expect([bar(0, 4), bar(0.5, 4), bar(2, 4)]).toEqual(["[....]", "[##..]", "[####]"]);
    expect([grouped(7), grouped(1_234), grouped(1_234_567)]).toEqual(["7", "1,234", "1,234,567"]);
    expect([spoken(900), spoken(59_000), spoken(61_000)]).toEqual(["1s", "59s", "1m01s"]);
  });
});
