import type { Clock } from "../connector.js";
import type { MetricsRegistry } from "../metrics/metrics.js";
import type { Task } from "./task.js";

/** Registers what is asked of a task at each scrape; returns a function that takes it all out again. */
export function registerGauges(metrics: MetricsRegistry, name: string, task: Task, clock: Clock): () => void {
  const removals: (() => void)[] = [];
  const gauge = (
    metric: string,
    help: string,
    labels: Record<string, string>,
    read: () => number | undefined,
  ): void => {
    removals.push(metrics.gauge(metric, help, { task: name, ...labels }, read));
  };
  for (const channel of task.channels)
    gauge(
      "channel_values",
      "Values that wait between two operators.",
      { from: channel.from, to: channel.to },
      () => channel.size,
    );
  for (const chain of task.chains) {
    for (const link of chain.links) {
      gauge(
        "watermark_seconds",
        "The watermark at an operator's input, as Unix time.",
        { operator: link.vertex.id },
        () => finite(link.watermark / 1000),
      );
      if (link.stage.held !== undefined)
        gauge("held_values", "Values in open windows and buffers.", { operator: link.vertex.id }, () =>
          link.stage.held?.(),
        );
    }
  }
  for (const sink of task.sinks)
    gauge(
      "sink_writes_in_flight",
      "Writes that have been begun and have no outcome yet.",
      { sink: sink.vertex.id },
      () => sink.inFlight,
    );
  gauge("checkpoint_epoch", "The newest epoch begun.", {}, () => task.coordinator?.epoch);
  gauge(
    "checkpoint_age_seconds",
    "Since the last checkpoint was committed, or since the start.",
    {},
    () => (clock.now() - task.lastCheckpointMs) / 1000,
  );
  return () => {
    for (const remove of removals) remove();
  };
}

/** A watermark before the first value, or at the end, is no time. */
function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
