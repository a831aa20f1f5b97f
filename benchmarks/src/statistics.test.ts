import { describe, expect, it } from "vitest";
import { quantile, summarize } from "./statistics.js";

describe("quantile", () => {
  it("lies between two numbers by distance", () => {
    expect([0, 0.25, 0.5, 0.9, 1].map((q) => quantile([10, 20, 30], q))).toEqual([10, 15, 20, 28, 30]);
  });

  it("of one number is that number, of none is NaN", () => {
    expect(quantile([7], 0.99)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe("summarize", () => {
  it("gives the middle of numbers in any order, and the distance of the quartiles as a part of it", () => {
    expect(summarize([40, 10, 30, 20, 50])).toEqual({ median: 30, spread: 20 / 30 });
  });

  it("is not moved by one run that was disturbed", () => {
    expect(summarize([100, 101, 99, 100, 3]).median).toBe(100);
  });
});
