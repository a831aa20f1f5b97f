import type { StateEntry } from "../connector.js";
import type { Chain } from "./chain.js";
import { stateName } from "./restore.js";

/** What changed in all stages of a chain since the last committed checkpoint, under their states' names. */
export function snapshotOf(chain: Chain): StateEntry[] {
  const entries: StateEntry[] = [];
  for (const { stage, vertex } of chain.links) {
    if (stage.snapshot === undefined) continue;
    const name = stateName(vertex);
    for (const [key, value] of stage.snapshot()) entries.push([name, key, value]);
  }
  return entries;
}
