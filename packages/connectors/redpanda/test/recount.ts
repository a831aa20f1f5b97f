import { expect } from "vitest";
import { consume } from "./consume.js";

const text = new TextDecoder();

/** Lines `KEY COUNTER VALUE` of a topic: one for each of `count` values, and each key counts without a gap and without a repetition. */
export async function recount(brokers: readonly string[], topic: string, count: number, keys: number): Promise<void> {
  const lines = (await consume(brokers, topic)).map(({ value }) => text.decode(value));
  expect(lines.length).toBe(count);
  expect(new Set(lines.map((line) => Number(line.split(" ")[2]))).size).toBe(count);
  const counters = new Map<string, number>();
  for (const line of lines) {
    const [key, counter] = line.split(" ") as [string, string];
    expect(Number(counter)).toBe((counters.get(key) ?? 0) + 1);
    counters.set(key, Number(counter));
  }
  expect(counters.size).toBe(keys);
}
