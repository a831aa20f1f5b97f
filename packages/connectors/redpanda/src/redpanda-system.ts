import { StreamError } from "@millrace/core";
import type { TransactionalSend } from "./kafka-driver.js";

/** What can be written in one transaction: a cluster, by its brokers. */
export function systemOf(brokers: readonly string[]): string {
  return `redpanda:${[...brokers].sort().join(",")}`;
}

/** What a transactional sink hands to the checkpoint store, to be written in the checkpoint's transaction. */
export class SinkPayload {
  readonly system: string;
  readonly sends: readonly TransactionalSend[];

  constructor(system: string, sends: SinkPayload["sends"]) {
    this.system = system;
    this.sends = sends;
  }
}

/** The payload of a sink, which must be of this store's cluster. */
export function payloadOf(system: string, sink: string, payload: unknown): SinkPayload {
  if (payload instanceof SinkPayload && payload.system === system) return payload;
  throw new StreamError(
    "E_CHECKPOINT_STORE",
    `sink "${sink}" gave ${system} something to commit that is not its own: only sinks of @millrace/redpanda with the same brokers can write inside this store's commit`,
  );
}
