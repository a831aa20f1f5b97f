import { describe, expect, it } from "vitest";
import { MAX_SUBJECT_LENGTH, patternProblem, patternTest } from "./safe-pattern.js";

describe("patternProblem", () => {
  it.each(["^ab[cd]+$", "shop-\\d{2}", "a|b|c", "[(+*]", "\\(x\\)", "x{2,5}y?", "ä.ö"])("allows %s", (pattern) => {
    expect(patternProblem(pattern)).toBeUndefined();
  });

  it.each([
    "(a+)+$",
    "(?=a)",
    "(?:a|a)*",
    "\\1",
    "a?a?a?",
    "a*b*c*",
    "x{1,100}",
    "x{999}",
    "[",
    "a".repeat(129),
    "\\k<n>",
  ])("refuses %s", (pattern) => {
    expect(patternProblem(pattern)).toEqual(expect.any(String));
  });

  it("keeps the worst allowed pattern cheap", () => {
    const test = patternTest("a*a{0,99}b");
    expect(patternProblem("a*a{0,99}b")).toBeUndefined();
    const started = process.cpuUsage().user;
    expect(test("a".repeat(MAX_SUBJECT_LENGTH))).toBe(false);
    expect(test("a".repeat(MAX_SUBJECT_LENGTH + 1))).toBe(false);
    expect(process.cpuUsage().user - started).toBeLessThan(2_000_000);
  });
});
