import { type EventInput, eventLines, parse } from "../../windows/event.js";

/** W5: JSON texts; W5p: the same events, parsed before the clock starts. */
export function prepare(size: number, workload: string): EventInput {
  const lines = eventLines(size);
  return workload === "W5p" ? { events: lines.map(parse) } : { lines };
}
