import { messageOf } from "../errors.js";
import type { RunHealth } from "./run-options.js";
import type { Task } from "./task.js";

/** What waits for what, in words. */
export function healthOf(tasks: readonly Task[], failure: unknown): RunHealth {
  if (failure !== undefined) return { status: "down", detail: messageOf(failure), reasons: [messageOf(failure)] };
  const reasons = tasks.flatMap((task) => [...reasonsOf(task)]);
  return { status: "up", reasons };
}

function* reasonsOf(task: Task): Generator<string> {
  for (const channel of task.channels)
    if (!channel.closed && channel.full)
      yield `"${channel.to}" takes slower than "${channel.from}" gives: ${channel.size} values wait between them`;
  for (const sink of task.sinks)
    if (sink.inFlight > 0) yield `sink "${sink.vertex.id}" has ${sink.inFlight} writes under way`;
  for (const source of task.sources) if (source.paused) yield `source "${source.vertex.id}" is paused`;
  for (const chain of task.chains) {
    for (const { stage, vertex } of chain.links) {
      const waiting = stage.waiting?.();
      if (waiting !== undefined) yield `"${vertex.id}": ${waiting}${slowest(task)}`;
    }
  }
  const checkpoint = task.coordinator?.waiting();
  if (checkpoint !== undefined) yield checkpoint;
}

/** The partition that holds the watermark back. */
function slowest(task: Task): string {
  let found: { source: string; partition: string; watermark: number } | undefined;
  for (const source of task.sources) {
    for (const { id, watermark, ended } of source.partitions()) {
      if (!ended && (found === undefined || watermark < found.watermark))
        found = { source: source.vertex.id, partition: id, watermark };
    }
  }
  if (found === undefined || !(found.watermark < Number.POSITIVE_INFINITY)) return "";
  const at =
    found.watermark === Number.NEGATIVE_INFINITY
      ? "has brought no event time yet"
      : `is at ${new Date(found.watermark).toISOString()}`;
  return `; partition ${found.partition} of "${found.source}" holds the watermark: it ${at}`;
}
