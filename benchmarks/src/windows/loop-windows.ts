import { type Event, type EventInput, isPurchase, parse, ResultChecksum } from "./event.js";
import type { WindowState } from "./window-state.js";

/** The plain loop over a window function. */
export function loopWindows(input: EventInput, state: WindowState): number {
  const checksum = new ResultChecksum();
  const add = (event: Event): void => {
    if (!isPurchase(event)) return;
    for (const { key, start, count, sum } of state.add(event)) checksum.add(key, start, count, sum);
  };
  if ("lines" in input) for (const line of input.lines) add(parse(line));
  else for (const event of input.events) add(event);
  for (const { key, start, count, sum } of state.end()) checksum.add(key, start, count, sum);
  return checksum.value;
}
