import type { Client } from "cassandra-driver";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { steadyControl } from "./steady-control.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("looks for the hosts again when that failed, until it succeeds, and rejects nobody", async () => {
  let calls = 0;
  const control = {
    _isShuttingDown: false,
    async _refresh(): Promise<void> {
      if (++calls < 2) throw new TypeError("Cannot read properties of null (reading 'endpoint')");
    },
  };
  steadyControl({ controlConnection: control } as unknown as Client);
  await control._refresh();
  expect(calls).toBe(1);
  await vi.advanceTimersByTimeAsync(700);
  expect(calls).toBe(2);
  await vi.advanceTimersByTimeAsync(700);
  expect(calls).toBe(2);
});

it("does not look again when the client is closed, and leaves other clients as they are", async () => {
  let calls = 0;
  const control = {
    _isShuttingDown: true,
    async _refresh(): Promise<void> {
      calls++;
      throw new Error("over");
    },
  };
  steadyControl({ controlConnection: control } as unknown as Client);
  await control._refresh();
  await vi.advanceTimersByTimeAsync(700);
  expect(calls).toBe(1);
  expect(() => steadyControl({} as Client)).not.toThrow();
});

it("looks once at a time", async () => {
  let calls = 0;
  let go = (): void => {};
  const control = {
    _isShuttingDown: false,
    async _refresh(): Promise<void> {
      calls++;
      await new Promise<void>((resolve) => {
        go = resolve;
      });
    },
  };
  steadyControl({ controlConnection: control } as unknown as Client);
  const both = [control._refresh(), control._refresh()];
  go();
  await Promise.all(both);
  expect(calls).toBe(1);
  const again = control._refresh();
  go();
  await again;
  expect(calls).toBe(2);
});
