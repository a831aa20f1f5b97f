import type { Sink } from "../connector.js";

/**
 * Drops every value; the run's counters still count them. A replay changes nothing, so it is idempotent.
 *
 * @example
 * ```ts
 * import { discardSink, from } from "@millrace/core";
 * await from([1, 2, 3]).tap(console.log).to(discardSink()).run();
 * ```
 */
export function discardSink(): Sink<unknown> {
  return {
    name: "discard",
    writes: "idempotent",
    metadata: false,
    async connect() {
      return { open: async () => ({ write: async () => {}, close: async () => {} }), close: async () => {} };
    },
  };
}
