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
      if (waiting !== undefined) yield `"${vertex.id}": ${waiting}`;
    }
  }
  const checkpoint = task.coordinator?.waiting();
  if (checkpoint !== undefined) yield checkpoint;
}
