import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { untilAborted } from "./until-aborted.js";

const reason = (): Error => new Error("over");

it("gives the outcome of the work, and leaves no listener behind", async () => {
  const { signal } = new AbortController();
  await expect(untilAborted(Promise.resolve(1), signal, reason)).resolves.toBe(1);
  await expect(untilAborted(Promise.reject(new Error("refused")), signal, reason)).rejects.toThrow("refused");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

it("ends with the signal while the work hangs, also where that had ended before", async () => {
  const controller = new AbortController();
  const hanging = untilAborted(new Promise<void>(() => {}), controller.signal, reason);
  controller.abort();
  await expect(hanging).rejects.toThrow("over");
  await expect(untilAborted(new Promise<void>(() => {}), controller.signal, reason)).rejects.toThrow("over");
});
