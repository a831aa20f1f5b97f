import type { Message, OutMessage } from "@millrace/core";

/** The topic citizen_events, as its producer and the oracle see it. */
export interface EventLog {
  /** How many messages it holds. */
  length(): Promise<number>;
  append(messages: readonly OutMessage[]): Promise<unknown>;
  /** All messages it holds now; those of a partition in the order of their offsets. */
  messages(): AsyncIterable<Message>;
  close(): Promise<void>;
}
