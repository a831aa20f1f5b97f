import type { Clock, Position, SourceBatch, SourceConnection } from "../connector.js";
import type { Origin } from "../element.js";
import type { SourceVertex } from "../graph/graph.js";
import { Batch, type EndKind, ERROR, type Item, MAX_BATCH, type OperatorCounters } from "../stage.js";
import type { Channel } from "./channel.js";
import { closeAll } from "./closing.js";
import { decodeFailure, poisonBatch } from "./failures.js";
import { type Partition, PartitionReads } from "./partition-reads.js";
import type { Actor, Scheduler } from "./scheduler.js";

export interface SourceListener {
  /** The barrier is in; these are the positions behind it. */
  sourcePassed(driver: SourceDriver, epoch: number): void;
  /** Nothing more will come: the input is complete, or (`bounded: false`) its readers stopped where they were told to. */
  sourceEnded(driver: SourceDriver): void;
}

export interface SourceWorld {
  readonly topology: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly scheduler: Scheduler;
  readonly listener: SourceListener;
  readonly counters: OperatorCounters;
  /** Before it has begun. */
  readonly paused: boolean;
  readonly channelValues: number;
}

/**
 * Reads the partitions of one source and pushes their values below, the partition with the lowest watermark first. A full channel
 * stops it; a barrier is put behind what was pushed, with the positions that belong to it.
 */
export class SourceDriver implements Actor {
  queued = false;
  readonly vertex: SourceVertex;
  readonly connection: SourceConnection<unknown>;
  readonly #channels: readonly Channel[];
  readonly #errorChannels: readonly Channel[];
  readonly #world: SourceWorld;
  readonly #reads: PartitionReads;
  readonly #withOrigins: boolean;
  readonly #partitions: Partition[] = [];
  #barrier: number | undefined;
  #maxSkewMs = Number.POSITIVE_INFINITY;
  #paused: boolean;
  #halted = false;
  #turn = 0;
  #done = false;
  #told = false;
  #how: EndKind | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    vertex: SourceVertex,
    connection: SourceConnection<unknown>,
    routes: ReadonlyMap<number, readonly Channel[]>,
    withOrigins: boolean,
    world: SourceWorld,
  ) {
    this.vertex = vertex;
    this.connection = connection;
    this.#channels = [...routes].filter(([output]) => output !== ERROR).flatMap(([, channels]) => channels);
    this.#errorChannels = routes.get(ERROR) ?? [];
    this.#withOrigins = withOrigins;
    this.#world = world;
    this.#reads = new PartitionReads({
      source: vertex.id,
      clock: world.clock,
      random: world.random,
      ready: () => world.scheduler.ready(this),
      failed: (error) => world.scheduler.fail(error),
      over: () => this.#done,
    });
    this.#paused = world.paused;
    for (const channel of [...this.#channels, ...this.#errorChannels])
      channel.wakeProducer = () => world.scheduler.ready(this);
  }

  /** Opens a reader for each partition, at its position. */
  async open(positions: ReadonlyMap<string, Position | undefined>): Promise<void> {
    for (const [id, position] of positions) {
      if (this.#done) return;
      const reader = await this.connection.open(id, position);
      // The run was over while it opened: nobody else would close it.
      if (this.#done) return reader.close();
      this.#partitions.push({
        id,
        reader,
        position,
        ready: undefined,
        reading: false,
        ended: false,
        failures: 0,
        cancelRetry: () => {},
        watermark: Number.NEGATIVE_INFINITY,
      });
    }
  }

  start(): void {
    for (const { id } of this.#partitions) this.#push({ kind: "partition", partition: id, status: "assigned" });
    this.#world.scheduler.ready(this);
  }

  step(): boolean {
    if (this.#done) return false;
    if (this.#barrier !== undefined) this.#passBarrier(this.#barrier);
    if (this.#channels.length > 0 && this.#channels.every((channel) => channel.closed)) {
      this.end("complete");
      return false;
    }
    if (this.#blocked()) return false;
    const partition = this.#next();
    this.#readAhead();
    if (partition === undefined) {
      if (!this.#told && this.#partitions.every(({ ended }) => ended)) {
        this.#told = true;
        this.#world.listener.sourceEnded(this);
      }
      return false;
    }
    this.#deliver(partition);
    this.#readAhead();
    // A read that ends asks for a turn itself; behind the last end there is none, and the next turn tells of it.
    return this.#partitions.some(({ ready }) => ready !== undefined) || this.#partitions.every(({ ended }) => ended);
  }

  /** The barrier goes in at this driver's next turn. */
  requestBarrier(epoch: number): void {
    this.#barrier = epoch;
    this.#world.scheduler.ready(this);
  }

  /** The epoch was given up before its barrier went in. */
  abandon(epoch: number): void {
    if (this.#barrier === epoch) this.#barrier = undefined;
  }

  /** Before a stop: delivers nothing more, since what comes behind the last checkpoint would come again. Barriers still pass. */
  halt(): void {
    this.#halted = true;
  }

  /** No more values: tells all below, once. */
  end(how: EndKind): void {
    if (this.#done) return;
    this.#done = true;
    this.#how = how;
    // Whoever closes the task hears of a failure.
    this.close().catch(() => {});
    this.#push({ kind: "end", how });
    for (const channel of this.#errorChannels) channel.push({ kind: "end", how });
    if (!this.#told) {
      this.#told = true;
      this.#world.listener.sourceEnded(this);
    }
  }

  get ended(): boolean {
    return this.#done;
  }

  /** Its input is over for ever. */
  get complete(): boolean {
    return this.#how === "complete";
  }

  get paused(): boolean {
    return this.#paused;
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    this.#world.scheduler.ready(this);
  }

  partitionTime(partition: string, watermark: number, maxSkewMs: number): void {
    this.#maxSkewMs = maxSkewMs;
    const found = this.#partitions.find(({ id }) => id === partition);
    if (found !== undefined) found.watermark = watermark;
    this.#world.scheduler.ready(this);
  }

  positions(): Map<string, Position> {
    const positions = new Map<string, Position>();
    for (const { id, position } of this.#partitions) if (position !== undefined) positions.set(id, position);
    return positions;
  }

  close(): Promise<void> {
    this.#done = true;
    for (const { cancelRetry } of this.#partitions) cancelRetry();
    this.#closing ??= closeAll(
      this.#partitions.map(
        ({ reader }) =>
          () =>
            reader.close(),
      ),
    );
    return this.#closing;
  }

  #blocked(): boolean {
    return (
      this.#paused ||
      this.#halted ||
      this.#channels.some((channel) => !channel.closed && channel.full) ||
      this.#errorChannels.some((channel) => channel.full)
    );
  }

  /** The partition to deliver from: the lowest watermark of those that have something and are not too far ahead. */
  #next(): Partition | undefined {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { ended, watermark } of this.#partitions) {
      // One that has brought no event time yet is read first, but nobody knows how far ahead of it the others are.
      if (!ended && watermark < lowest && watermark !== Number.NEGATIVE_INFINITY) lowest = watermark;
    }
    let best: Partition | undefined;
    const count = this.#partitions.length;
    for (let i = 0; i < count; i++) {
      const partition = this.#partitions[(this.#turn + i) % count] as Partition;
      if (partition.ready === undefined) continue;
      if (
        partition.ready !== "end" &&
        partition.watermark > lowest + this.#maxSkewMs &&
        partition.watermark !== Number.POSITIVE_INFINITY
      )
        continue;
      if (best === undefined || partition.watermark < best.watermark) best = partition;
    }
    this.#turn++;
    return best;
  }

  #deliver(partition: Partition): void {
    const batch = partition.ready;
    partition.ready = undefined;
    this.#world.scheduler.progress++;
    if (batch === "end" || batch === undefined) {
      partition.ended = true;
      // Where a reader only stopped at its `stopAt`, more follows in a later run: time must not pass its partition by.
      if (this.vertex.source.bounded === true)
        this.#push({ kind: "partition", partition: partition.id, status: "ended" });
      return;
    }
    const count = batch.values.length;
    this.#world.counters.out += count;
    if (count > 0) {
      const whole = this.#batch(partition, batch);
      const size = Math.min(MAX_BATCH, this.#world.channelValues);
      for (let from = 0; from < count; from += size)
        this.#push(
          whole.slice(from, Math.min(count, from + size)),
          ((batch.bytes ?? 0) * Math.min(size, count - from)) / count,
        );
    }
    this.#reject(partition, batch);
    partition.position = batch.position;
    if (batch.caughtUp === true) this.#push({ kind: "partition", partition: partition.id, status: "caughtUp" });
  }

  #batch(partition: Partition, batch: SourceBatch<unknown>): Batch {
    const { values, times } = batch;
    // Not even looked at where nobody reads origins: a source may make its offsets only then.
    const offsets = this.#withOrigins ? batch.offsets : undefined;
    const source = this.vertex.id;
    const origins = offsets?.map((offset): Origin => ({ source, partition: partition.id, offset, index: "" })) ?? null;
    return new Batch(values, times === undefined ? null : Array.from(times), null, origins, null, partition.id);
  }

  /** What could not be decoded goes to the first onError below the source. */
  #reject(partition: Partition, batch: SourceBatch<unknown>): void {
    if (batch.poison === undefined || batch.poison.length === 0) return;
    const { counters, clock, topology } = this.#world;
    const source = this.vertex.id;
    if (this.vertex.onError === "fail")
      throw decodeFailure(source, partition.id, batch.poison[0] as NonNullable<typeof batch.poison>[number]);
    counters.failed += batch.poison.length;
    if (this.vertex.onError === "skip") {
      counters.skipped += batch.poison.length;
      return;
    }
    const letters = poisonBatch(source, partition.id, batch.poison, clock.now(), topology);
    for (const channel of this.#errorChannels) channel.push(letters);
  }

  #passBarrier(epoch: number): void {
    this.#barrier = undefined;
    this.#push({ kind: "barrier", epoch });
    for (const channel of this.#errorChannels) channel.push({ kind: "barrier", epoch });
    this.#world.listener.sourcePassed(this, epoch);
  }

  #push(item: Item, bytes = 0): void {
    for (const channel of this.#channels) channel.push(item, bytes);
  }

  #readAhead(): void {
    if (!this.#paused && !this.#halted) this.#reads.ahead(this.#partitions);
  }
}
