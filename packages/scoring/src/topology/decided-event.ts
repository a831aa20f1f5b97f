import type { Decision } from "../decide/outcome.js";
import type { ReceivedEvent } from "../event/decode-event.js";

/** An event with what was decided about it. */
export interface DecidedEvent {
  readonly received: ReceivedEvent;
  readonly decision: Decision;
}
