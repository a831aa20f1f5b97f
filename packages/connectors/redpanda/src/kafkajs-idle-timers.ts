import { createRequire } from "node:module";

/** The parts of kafkajs' request queue that are patched. */
interface RequestQueuePrototype {
  scheduleCheckPendingRequests(this: { readonly pending: readonly unknown[]; readonly throttledUntil: number }): void;
}

let patched = false;

/**
 * kafkajs arms a 1 ms timer for ever once a connection has answered: about 900 wake-ups a second and 4 % of a core for each idle connection
 * (its issues 1556, 1704). The timer is needed only while requests wait.
 */
export function patchIdleTimers(): void {
  if (patched) return;
  patched = true;
  const require = createRequire(import.meta.url);
  const queue = require("kafkajs/src/network/requestQueue") as { readonly prototype: RequestQueuePrototype };
  const original = queue.prototype.scheduleCheckPendingRequests;
  queue.prototype.scheduleCheckPendingRequests = function scheduleOnlyWhenNeeded(): void {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) original.call(this);
  };
}
