import type { EventInput } from "../../windows/event.js";
import { loopWindows } from "../../windows/loop-windows.js";
import { SlidingPanes } from "../../windows/sliding-state.js";

export function run(input: EventInput): number {
  return loopWindows(input, new SlidingPanes());
}
