import type { Clock, Logger } from "../connector.js";
import type { OperatorVertex } from "../graph/graph.js";
import { type Batch, ERROR, type OperatorCounters, type StageContext } from "../stage.js";
import type { Chain } from "./chain.js";
import { classify, deadLetterBatch, operatorFailure } from "./failures.js";
import type { Scheduler } from "./scheduler.js";

/** What all stages of a task share. */
export interface StageWorld {
  readonly topology: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly channelValues: number;
  readonly scheduler: Scheduler;
  /** A source partition's own watermark, told by the event-time stage below it. */
  partitionTime(operator: string, partition: string, watermark: number, maxSkewMs: number): void;
  /** A key's state is first made from a value of this partition. */
  newKey(operator: string, key: unknown, source: string | undefined, partition: string | undefined): void;
}

/** The context of one stage. `chain` is asked for late, because a chain is made from its stages. */
export function stageContext(
  world: StageWorld,
  vertex: OperatorVertex,
  counters: OperatorCounters,
  place: number,
  wantsIds: boolean,
  chain: () => Chain,
): StageContext {
  const { topology, clock, random, logger, signal, channelValues, scheduler } = world;
  return {
    operator: vertex.id,
    topology,
    clock,
    random,
    logger,
    signal,
    counters,
    channelValues,
    wantsIds,
    watermark: () => chain().links[place]?.watermark ?? Number.NEGATIVE_INFINITY,
    fail: (error, batch, index, attempts = 1) => {
      const origin = batch.origins?.[index];
      if (vertex.onError === "fail") throw operatorFailure(error, vertex.id, batch.values[index], origin);
      counters.failed++;
      if (vertex.onError === "skip") {
        counters.skipped++;
        return;
      }
      const letter = {
        value: batch.values[index],
        error: classify(error, "poison"),
        operator: vertex.id,
        origin,
        attempts,
        firstSeen: clock.now(),
        topology,
      };
      chain().emit(place, deadLetterBatch(letter, batch, index), ERROR);
    },
    emit: (batch: Batch, output) => chain().emit(place, batch, output ?? 0),
    emitWatermark: (time, idle) => chain().watermarkFrom(place, time, idle),
    emitPartition: (status) => chain().partitionFrom(place, status),
    wakeAt: (time) => chain().wakeAt(place, time),
    wake: () => scheduler.ready(chain()),
    end: () => chain().end(place),
    abort: (error) => scheduler.fail(error),
    partitionTime: (partition, watermark, maxSkewMs) => world.partitionTime(vertex.id, partition, watermark, maxSkewMs),
    newKey: (key, batch, index) => {
      if (vertex.partitioned)
        world.newKey(
          vertex.id,
          key,
          batch.origins?.[index]?.source,
          batch.origins?.[index]?.partition ?? batch.partition,
        );
    },
  };
}
