import { sequence } from "../windows/event.js";

/** What all connector workloads move: a citizen's event. */
export interface BenchEvent {
  readonly id: string;
  readonly citizenID: string;
  readonly kind: string;
  readonly amount: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly note: string;
}

/** Citizens that take turns: of a thousand values in a row, each of ten has a hundred. */
const CITIZENS = 10;
const VALUES_A_CITIZEN = 100;
const KINDS = ["late-payment", "volunteering", "recycling", "tax-return"] as const;
const START_MS = 1_700_000_000_000;
const GAP_MS = 10;
const NOTE = "text that nobody reads, as most events have some";

/** The same values each time, of about 180 bytes as JSON. */
export function benchEvents(size: number): BenchEvent[] {
  const random = sequence(2_463_534_242);
  return Array.from({ length: size }, (_, i) => ({
    id: `event-${String(i).padStart(9, "0")}`,
    citizenID: `citizen-${String(Math.floor(i / (CITIZENS * VALUES_A_CITIZEN)) * CITIZENS + (i % CITIZENS)).padStart(8, "0")}`,
    kind: KINDS[random(KINDS.length)] as string,
    amount: 1 + random(10_000),
    at: START_MS + i * GAP_MS,
    note: NOTE,
  }));
}
