import type {
  Clock,
  Logger,
  Position,
  SinkCommit,
  SinkConnection,
  SinkWriter,
  SourceConnection,
  Task as TaskInfo,
} from "../connector.js";
import type { Key } from "../element.js";
import { inputsOf, type OperatorVertex } from "../graph/graph.js";
import type { MetricsRegistry } from "../metrics/metrics.js";
import { ERROR } from "../stage.js";
import { Chain } from "./chain.js";
import type { Channel, ChannelLimits } from "./channel.js";
import { closeAll } from "./closing.js";
import { Coordinator } from "./coordinator.js";
import type { CheckpointFacts, CheckpointTarget } from "./coordinator-parts.js";
import { fuse } from "./fuse.js";
import { Inbox } from "./inbox.js";
import type { Link } from "./link.js";
import { checkPartition } from "./partition-check.js";
import type { Plan } from "./plan.js";
import { type StartPoint, stateName } from "./restore.js";
import type { Scheduler } from "./scheduler.js";
import { SinkDriver } from "./sink-driver.js";
import { snapshotOf } from "./snapshot.js";
import { SourceDriver } from "./source-driver.js";
import { type StageWorld, stageContext } from "./stage-context.js";
import { Wiring } from "./wiring.js";

export interface TaskParts {
  readonly name: string;
  readonly topology: string;
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly channel: ChannelLimits;
  readonly metrics: MetricsRegistry;
  readonly sources: ReadonlyMap<string, SourceConnection<unknown>>;
  readonly sinks: ReadonlyMap<string, SinkConnection<unknown>>;
  readonly target: CheckpointTarget | undefined;
  readonly facts: CheckpointFacts;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly atEnd: "keep" | "fire";
  readonly start: StartPoint;
  readonly paused: (source: string) => boolean;
  readonly generation: (source: string) => number;
  readonly failed: (error: unknown) => void;
}

/** One running instance of a topology over a fixed set of source partitions: its chains, drivers and checkpoints. */
export class Task {
  readonly #parts: TaskParts;
  readonly #wiring: Wiring;
  readonly #chains: Chain[] = [];
  readonly #sources: SourceDriver[] = [];
  readonly #sinks: SinkDriver[] = [];
  readonly #writers: SinkWriter<unknown>[] = [];
  readonly #watermarks = new Map<string, number>();
  #coordinator: Coordinator | undefined;
  #over = false;
  #stopping: Promise<void> | undefined;
  #exhausted = new Set<SourceDriver>();
  #finished = false;
  /** When the newest checkpoint was committed; before the first, when the task was made. */
  lastCheckpointMs: number;
  #closed: Promise<void> | undefined;
  #resolveDone: () => void = () => {};
  /** Resolves when everything is out and the last checkpoint is committed. */
  readonly done: Promise<void> = new Promise((resolve) => {
    this.#resolveDone = resolve;
  });

  constructor(parts: TaskParts) {
    this.#parts = parts;
    this.#wiring = new Wiring(parts.plan, parts.channel, (actor) => parts.scheduler.ready(actor));
    this.lastCheckpointMs = parts.clock.now();
  }

  get channels(): Iterable<Channel> {
    return this.#wiring.channels;
  }

  get chains(): readonly Chain[] {
    return this.#chains;
  }

  get sources(): readonly SourceDriver[] {
    return this.#sources;
  }

  get sinks(): readonly SinkDriver[] {
    return this.#sinks;
  }

  get coordinator(): Coordinator | undefined {
    return this.#coordinator;
  }

  /** Builds everything, restores state, opens writers and readers, and lets values flow. */
  async open(): Promise<void> {
    const { plan, start } = this.#parts;
    for (const vertices of plan.chains) this.#buildChain(vertices);
    await this.#openSinks();
    if (this.#over) return;
    for (const chain of this.#chains)
      for (const link of chain.links) link.stage.restore?.(start.state.get(stateName(link.vertex)) ?? []);
    await this.#openSources();
    if (this.#over) return;
    this.#coordinate();
    for (const chain of this.#chains) this.#wiring.wakeOnInput(chain, chain.links[0]?.vertex.id as string);
    for (const sink of this.#sinks) this.#wiring.wakeOnInput(sink, sink.vertex.id);
    for (const chain of this.#chains) chain.start();
    for (const source of this.#sources) source.start();
    this.#coordinator?.start();
  }

  /** The last checkpoint, then the end of input without firing what is open. Resolves when all of it is out. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      for (const source of this.#sources) source.halt();
      await this.#coordinator?.last();
      for (const source of this.#sources) source.end(this.#parts.atEnd === "fire" ? "fired" : "stopped");
      await this.done;
    })();
    return this.#stopping;
  }

  /** Values in state and buffers that a stop without a store throws away. */
  held(): number {
    let held = 0;
    for (const chain of this.#chains) for (const { stage } of chain.links) held += stage.held?.() ?? 0;
    return held;
  }

  /** Frees everything, whatever the task's condition; once. */
  close(): Promise<void> {
    this.#over = true;
    this.#closed ??= (async () => {
      this.#coordinator?.close();
      for (const chain of this.#chains) chain.close();
      for (const sink of this.#sinks) sink.close();
      const stages = this.#chains.flatMap((chain) =>
        chain.links.map(
          ({ stage }) =>
            () =>
              stage.close?.(),
        ),
      );
      await closeAll([
        ...this.#sources.map((source) => () => source.close()),
        ...this.#writers.map((writer) => () => writer.close()),
        ...stages,
      ]);
    })();
    return this.#closed;
  }

  /** All input is over for ever: there is nothing to go on with. */
  get complete(): boolean {
    return this.#sources.every((source) => source.complete);
  }

  /** Where a stage of this name is, for `run.state()`. */
  link(name: string): Link | undefined {
    for (const chain of this.#chains) for (const link of chain.links) if (link.vertex.spec.name === name) return link;
    return undefined;
  }

  #inbox(id: string): Inbox {
    return new Inbox(this.#wiring.inputs(id), (epoch) => this.#coordinator?.isAbandoned(epoch) === true);
  }

  #buildChain(vertices: readonly OperatorVertex[]): void {
    const { scheduler, clock, metrics, plan } = this.#parts;
    const holder: { chain?: Chain } = {};
    const links = vertices.map((vertex, place): Link => {
      const counters = metrics.counters(vertex.id);
      const wantsIds = plan.idReaders.has(vertex.id);
      const context = stageContext(this.#world(), vertex, counters, place, wantsIds, () => holder.chain as Chain);
      const stage = vertex.spec.make(context);
      return {
        vertex,
        context,
        stage,
        onBatch: (batch, emit, input) => stage.onBatch(batch, emit, input),
        counters,
        routes: this.#wiring.routes(vertex.id),
        emit: () => true,
        watermark: Number.NEGATIVE_INFINITY,
        wakeAt: Number.POSITIVE_INFINITY,
      };
    });
    fuse(links);
    holder.chain = new Chain(links, this.#inbox((vertices[0] as OperatorVertex).id), scheduler, clock, {
      chainPassed: (chain, epoch) => this.#coordinator?.chainPassed(chain, epoch),
      chainEnded: () => this.#coordinator?.ended(),
    });
    this.#chains.push(holder.chain);
  }

  #world(): StageWorld {
    const { channel, plan } = this.#parts;
    return {
      ...this.#parts,
      channelValues: channel.values,
      partitionTime: (operator, partition, watermark, maxSkewMs) => {
        const id = plan.timedSource.get(operator);
        this.#sources.find((source) => source.vertex.id === id)?.partitionTime(partition, watermark, maxSkewMs);
        if (Number.isFinite(watermark)) this.#watermarks.set(`${id}/${partition}`, watermark);
      },
      newKey: (operator, key, source, partition) => {
        const driver = this.#sources.find((candidate) => candidate.vertex.id === source);
        const count = this.#parts.facts.partitionCounts.get(source ?? "") ?? 0;
        if (driver !== undefined && partition !== undefined)
          checkPartition(driver, count, operator, key as Key, partition);
      },
    };
  }

  async #openSinks(): Promise<void> {
    const { plan, sinks, topology, start, scheduler, clock, random, signal, metrics, target } = this.#parts;
    const partitions = plan.sources.flatMap(({ id }) => [...(start.positions.get(id)?.keys() ?? [])]);
    const info: TaskInfo = { topology, partitions, lease: target?.lease ?? 0 };
    for (const vertex of plan.sinks) {
      const writer = await (sinks.get(vertex.id) as SinkConnection<unknown>).open(
        info,
        start.sinkStates.get(vertex.id),
      );
      // The run was over while it opened: nobody else would close it.
      if (this.#over) return writer.close();
      this.#writers.push(writer);
      const inputs = inputsOf(plan.graph, vertex.id);
      const keyed = inputs.every((edge) => {
        const above = plan.graph.vertices.find(({ id }) => id === edge.from);
        return above?.type === "operator" && above.keyed;
      });
      const listener = {
        sinkPassed: (driver: SinkDriver, epoch: number, commit: SinkCommit | undefined) =>
          this.#coordinator?.sinkPassed(driver, epoch, commit),
        sinkEnded: (driver: SinkDriver, epoch: number, commit: SinkCommit | undefined) =>
          this.#sinkEnded(driver, epoch, commit),
        endEpoch: (driver: SinkDriver) => this.#coordinator?.endEpoch(driver) ?? 0,
      };
      const world = { topology, clock, random, signal, scheduler, counters: metrics.counters(vertex.id), listener };
      this.#sinks.push(
        new SinkDriver(
          vertex,
          writer,
          this.#inbox(vertex.id),
          inputs.length,
          keyed,
          this.#wiring.routes(vertex.id).get(ERROR) ?? [],
          world,
        ),
      );
    }
  }

  async #openSources(): Promise<void> {
    const { plan, sources, topology, clock, random, channel, scheduler, start, metrics } = this.#parts;
    for (const vertex of plan.sources) {
      if (this.#over) return;
      const listener = {
        sourcePassed: (driver: SourceDriver, epoch: number) => this.#coordinator?.sourcePassed(driver, epoch),
        sourceEnded: (driver: SourceDriver) => this.#sourceEnded(driver),
      };
      const world = {
        topology,
        clock,
        random,
        scheduler,
        listener,
        counters: metrics.counters(vertex.id),
        paused: this.#parts.paused(vertex.id),
        channelValues: channel.values,
      };
      const driver = new SourceDriver(
        vertex,
        sources.get(vertex.id) as SourceConnection<unknown>,
        this.#wiring.routes(vertex.id),
        plan.withOrigins.has(vertex.id),
        world,
      );
      this.#sources.push(driver);
      await driver.open(start.positions.get(vertex.id) ?? new Map<string, Position | undefined>());
    }
  }

  #coordinate(): void {
    const { target, facts, generation, everyMs, timeoutMs, clock, logger, failed, start, metrics, signal } =
      this.#parts;
    const durations = metrics.histogram("checkpoint_duration_seconds", "From the barrier to the commit.");
    const count = metrics.counter("checkpoints_total", "Checkpoints committed.");
    this.#coordinator = new Coordinator(
      {
        target,
        facts,
        sources: this.#sources,
        chains: this.#chains,
        sinks: this.#sinks,
        snapshot: (chain) => (target === undefined ? [] : snapshotOf(chain)),
        committed: () => {
          for (const chain of this.#chains) for (const { stage } of chain.links) stage.committed?.();
        },
        watermarks: () => this.#watermarks,
        generation,
        everyMs,
        timeoutMs,
        clock,
        signal,
        logger,
        failed,
        completed: (durationMs) => {
          durations.record(durationMs / 1000);
          count.value++;
          this.lastCheckpointMs = clock.now();
        },
      },
      start,
    );
  }

  #sourceEnded(driver: SourceDriver): void {
    // Either all below want no more, or the input is complete; else the readers stopped where they were told to.
    if (driver.ended || driver.vertex.source.bounded === true) driver.end("complete");
    else this.#exhausted.add(driver);
    this.#coordinator?.ended();
    const open = this.#sources.filter((source) => !source.ended && !this.#exhausted.has(source));
    if (open.length === 0 && this.#exhausted.size > 0) this.stop().catch((error) => this.#parts.failed(error));
  }

  #sinkEnded(driver: SinkDriver, epoch: number, commit: SinkCommit | undefined): void {
    this.#coordinator?.sinkEnded(driver, epoch, commit);
    if (this.#finished || !this.#sinks.every((sink) => sink.ended)) return;
    this.#finished = true;
    // After a stop its own last barrier was the checkpoint; a complete input has one of its own, behind everything.
    const committed = this.complete ? this.#coordinator?.final() : undefined;
    Promise.resolve(committed).then(this.#resolveDone, (error) => this.#parts.failed(error));
  }
}
