import { describe, expect, it } from "vitest";
import type { SourceReader } from "../connector.js";
import { testContext } from "../testing/test-context.js";
import { type VirtualClock, virtualClock } from "../testing/virtual-clock.js";
import { intervalSource } from "./interval-source.js";

async function open(clock: VirtualClock, position?: string): Promise<SourceReader<number>> {
  const connection = await intervalSource("1s").connect(testContext({ clock }));
  return connection.open("0", position);
}

describe("intervalSource", () => {
  it("is unbounded and named by its interval", () => {
    expect([intervalSource("1s"), intervalSource(250)].map(({ name, bounded }) => [name, bounded])).toEqual([
      ["interval-1s", undefined],
      ["interval-250ms", undefined],
    ]);
  });

  it("emits a number an interval, the first after one, with the time it was due", async () => {
    const clock = virtualClock(5_000);
    const reader = await open(clock);
    expect(await reader.read()).toEqual({ values: [], position: "0", caughtUp: true });
    const read = reader.read();
    await clock.advance(999);
    await expect(Promise.race([read, Promise.resolve("pending")])).resolves.toBe("pending");
    await clock.advance(1);
    expect(await read).toEqual({ values: [0], offsets: [0], times: [6_000], position: "1", caughtUp: true });
    const next = reader.read();
    await clock.advance(1_000);
    expect(await next).toMatchObject({ values: [1], times: [7_000] });
  });

  it("gives what was missed at once, in batches", async () => {
    const clock = virtualClock();
    const reader = await open(clock);
    await reader.read();
    await clock.advance("1500s");
    const first = await reader.read();
    expect([first?.values.length, first?.values[0], first?.caughtUp]).toEqual([1_024, 0, false]);
    const second = await reader.read();
    expect([second?.values.length, second?.values.at(-1), second?.times?.[475], second?.caughtUp]).toEqual([
      476,
      1_499,
      1_500_000,
      true,
    ]);
  });

  it("does not drift, however late it is read", async () => {
    const clock = virtualClock();
    const reader = await open(clock);
    await reader.read();
    await clock.advance(1_900);
    expect((await reader.read())?.times).toEqual([1_000]);
    const read = reader.read();
    await clock.advance(100);
    expect((await read)?.times).toEqual([2_000]);
  });

  it("counts on from a saved position, one interval after the start", async () => {
    const clock = virtualClock(100_000);
    const reader = await open(clock, "7");
    await reader.read();
    const read = reader.read();
    await clock.advance(1_000);
    expect(await read).toMatchObject({ values: [7], times: [101_000], position: "8" });
  });

  it("close() ends a pending read and leaves no timer", async () => {
    const clock = virtualClock();
    const reader = await open(clock);
    await reader.read();
    const read = reader.read();
    expect(clock.pending).toBe(1);
    await reader.close();
    expect([await read, await reader.read(), clock.pending]).toEqual([undefined, undefined, 0]);
  });

  it("refuses an interval that is none", () => {
    expect(() => intervalSource(0)).toThrow(/E_DURATION.*every/);
    expect(() => intervalSource("1 second" as never)).toThrow(/E_DURATION/);
  });
});
