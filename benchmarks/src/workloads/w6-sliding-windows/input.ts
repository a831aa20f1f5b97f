import { type EventInput, eventLines, parse } from "../../windows/event.js";

/** W6: events that were parsed before the clock starts; W6json: their JSON texts. */
export function prepare(size: number, workload: string): EventInput {
  const lines = eventLines(size);
  return workload === "W6" ? { events: lines.map(parse) } : { lines };
}
