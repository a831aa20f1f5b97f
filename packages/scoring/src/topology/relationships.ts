import type { KeyedStream, RetryPolicy, Sink, Topology } from "@millrace/core";
import type { CitizenProfile } from "../ports/citizen-profile.js";
import { type Relationship, relationshipsIn } from "../ports/relationship.js";
import type { ScoringPorts } from "../ports/scoring-ports.js";
import type { DecidedEvent } from "./decided-event.js";

/** An event about two citizens who both allow to be in the graph. */
export type RelationEvent = DecidedEvent & { readonly citizen: CitizenProfile };

/** Relationship events to edges of the social graph: only between citizens who both allow it. */
export function relationshipsTo(
  sink: Sink<Relationship>,
  events: KeyedStream<string, RelationEvent>,
  profiles: ScoringPorts["profiles"],
  retry: RetryPolicy,
): Topology {
  return events
    .filter(({ citizen, received }) => citizen.consent.graph && edgesOf(received).length > 0)
    .lookup(
      ({ received }) => String(received.event.payload.other),
      profiles,
      ({ received }, other) => ({ received, allowed: other?.consent.graph === true }),
      { batch: { size: 256 }, order: "key", retry, cache: { max: 10_000, ttl: "1m", missTtl: "1m" } },
    )
    .filter(({ allowed }) => allowed)
    .flatMap(({ received }) => edgesOf(received))
    .to(sink);
}

function edgesOf({ event }: DecidedEvent["received"]): Relationship[] {
  return event.eventType === "relationship" ? relationshipsIn(event) : [];
}
