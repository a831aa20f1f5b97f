import { setMaxListeners } from "node:events";
import type { Clock, Logger, SourceContext } from "../connector.js";
import { type Duration, durationMs } from "../duration.js";
import type { Key } from "../element.js";
import { messageOf, StreamError } from "../errors.js";
import { statesOf, taskMode, topologyHash } from "../graph/describe.js";
import type { Graph } from "../graph/graph.js";
import { type Metrics, MetricsRegistry } from "../metrics/metrics.js";
import { systemClock } from "../time/clock.js";
import { Assignment, partitionTask, type TaskRequest } from "./assignment.js";
import { DEFAULT_CHANNEL } from "./channel.js";
import { Connections } from "./connections.js";
import { warningsToConsole } from "./console-logger.js";
import { registerGauges } from "./gauges.js";
import { healthOf } from "./health.js";
import { type Plan, planGraph } from "./plan.js";
import { findStart, modeChanged } from "./restore.js";
import type { CheckpointOptions, Run, RunHealth, RunOptions, RunSummary } from "./run-options.js";
import { Scheduler } from "./scheduler.js";
import { StallWatch } from "./stall-watch.js";
import { checkBeforeStart, checkStore } from "./start-checks.js";
import { type SteadyClock, steadyClock } from "./steady-clock.js";
import { Task } from "./task.js";

/** What users do not set: seams of the test kit and of the shorter ways to run. */
export interface RunSeams {
  /** Chooses who is next among n actors that are ready. */
  readonly pick?: (count: number) => number;
  /** State without a name is saved under the operator's id: for tests that restart what users would not checkpoint. */
  readonly unnamedState?: boolean;
  /** The caller awaits `done`: a failure need not be logged as well. */
  readonly awaited?: boolean;
}

const DEFAULT_CHECKPOINT_TIMEOUT = "1m";
const DEFAULT_STOP_TIMEOUT = "30s";
/** How often a stateless topology commits the positions of its sources. */
const DEFAULT_COMMIT_INTERVAL_MS = 5_000;

/** Starts a closed graph. What it refuses before opening anything is thrown here; all else rejects `done`. */
export function startRun(graph: Graph, options: RunOptions = {}, seams: RunSeams = {}): Run {
  const checkpoint = options.checkpoint === "none" ? undefined : options.checkpoint;
  checkBeforeStart(graph, options, seams.unnamedState === true ? undefined : checkpoint);
  return new RunningTopology(graph, options, checkpoint, seams);
}

class RunningTopology implements Run {
  readonly done: Promise<RunSummary>;
  readonly #graph: Graph;
  readonly #plan: Plan;
  readonly #mode: "one" | "per-partition";
  readonly #options: RunOptions;
  readonly #checkpoint: CheckpointOptions | undefined;
  readonly #everyMs: number;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #steady: SteadyClock;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #abort = new AbortController();
  readonly #scheduler: Scheduler;
  readonly #metrics: MetricsRegistry;
  readonly #assignment: Assignment;
  readonly #connections: Connections;
  readonly #tasks = new Map<string, Task>();
  readonly #gauges = new Map<string, () => void>();
  readonly #watch: StallWatch;
  readonly #paused = new Set<string>();
  #failure: { readonly error: unknown } | undefined;
  #status: RunSummary["status"] = "completed";
  #discarded = 0;
  #stopping = false;
  #aborted = false;
  #isOtherKnown: Promise<boolean> | undefined;
  #started: Promise<void> = Promise.resolve();
  /** Nothing more will flow; only closing is left. */
  #isOver = false;
  #resolveFinished: () => void = () => {};
  readonly #finished: Promise<void> = new Promise((resolve) => {
    this.#resolveFinished = resolve;
  });

  constructor(graph: Graph, options: RunOptions, checkpoint: CheckpointOptions | undefined, seams: RunSeams) {
    // Every call and every wait of a run listens to its one signal: many listeners are no leak here.
    setMaxListeners(0, this.#abort.signal);
    this.#graph = graph;
    this.#plan = planGraph(graph);
    this.#mode = taskMode(graph).mode;
    this.#options = options;
    this.#checkpoint = checkpoint;
    this.#everyMs =
      checkpoint === undefined ? DEFAULT_COMMIT_INTERVAL_MS : durationMs(checkpoint.every, "checkpoint.every");
    this.#timeoutMs = durationMs(checkpoint?.timeout ?? DEFAULT_CHECKPOINT_TIMEOUT, "checkpoint.timeout");
    this.#clock = options.clock ?? systemClock;
    this.#steady = steadyClock(this.#clock);
    this.#random = options.random ?? Math.random;
    this.#logger = options.logger ?? warningsToConsole;
    const failed = (error: unknown): void => this.#fail(error);
    this.#scheduler = new Scheduler({ virtual: this.#clock.virtual === true, pick: seams.pick, failed });
    this.#metrics = new MetricsRegistry(graph.name);
    for (const vertex of graph.vertices) this.#metrics.counters(vertex.id);
    this.#connections = new Connections(this.#clock, this.#logger);
    const sources = this.#plan.sources.map(({ id }) => id);
    this.#assignment = new Assignment(this.#mode, graph.name, sources, {
      start: (request) => this.#startTask(request),
      stop: (name) => this.#stopTask(name),
      partitionCount: (source) => this.#connections.sources.get(source)?.partitionCount?.(),
      failed,
    });
    this.#watch = new StallWatch(this.#clock, this.#scheduler, () => [...this.#tasks.values()], failed);
    this.done = this.#main();
    // Whoever awaits `done` gets the error; nobody doing so must not take the process down.
    this.done.catch((error) => {
      if (!this.#aborted && seams.awaited !== true)
        this.#logger.error(`topology "${graph.name}" failed`, { error: messageOf(error) });
    });
  }

  async stop({ timeout = DEFAULT_STOP_TIMEOUT }: { readonly timeout?: Duration } = {}): Promise<RunSummary> {
    const timeoutMs = durationMs(timeout, "stop({ timeout })");
    if (this.#stopping || this.#isOver) return this.done;
    this.#stopping = true;
    const cancel = this.#clock.schedule(this.#clock.now() + timeoutMs, () => {
      const waits = this.health().reasons.join("; ");
      const message = `stop() did not get everything out within ${timeoutMs} ms${waits === "" ? "" : `: ${waits}`}`;
      this.#fail(new StreamError("E_STOP_TIMEOUT", message));
    });
    void this.#finished.then(cancel);
    this.#stopTasks().catch((error) => this.#fail(error));
    return this.done;
  }

  abort(reason?: unknown): void {
    this.#aborted = true;
    this.#fail(reason ?? new StreamError("E_ABORTED", `topology "${this.#graph.name}" was aborted`));
  }

  pause(source?: string): void {
    for (const id of this.#sourcesCalled(source)) this.#paused.add(id);
    this.#tellPaused();
  }

  resume(source?: string): void {
    for (const id of this.#sourcesCalled(source)) this.#paused.delete(id);
    this.#tellPaused();
  }

  metrics(): Metrics {
    return this.#metrics;
  }

  health(): RunHealth {
    return healthOf([...this.#tasks.values()], this.#failure?.error);
  }

  state(name: string): { get(key: Key): unknown } {
    if (!statesOf(this.#graph).some(({ spec }) => spec.name === name))
      throw new StreamError(
        "E_ARGUMENT",
        `no operator of topology "${this.#graph.name}" keeps state under the name "${name}"`,
      );
    return {
      get: (key) => {
        for (const task of this.#tasks.values()) {
          const value = task.link(name)?.stage.read?.(key);
          if (value !== undefined) return value;
        }
        return undefined;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #sourcesCalled(name: string | undefined): string[] {
    const ids = this.#plan.sources.map(({ id }) => id);
    if (name !== undefined && !ids.includes(name))
      throw new StreamError("E_ARGUMENT", `topology "${this.#graph.name}" has no source "${name}"`);
    return name === undefined ? ids : [name];
  }

  #tellPaused(): void {
    for (const task of this.#tasks.values())
      for (const source of task.sources) source.pause(this.#paused.has(source.vertex.id));
  }

  /** The run from its first connection to the last close. */
  async #main(): Promise<RunSummary> {
    // Let the caller have its Run first: then stop() and abort() work from the first moment on.
    await Promise.resolve();
    const outside = this.#options.signal;
    const aborted = (): void => this.abort(outside?.reason);
    const unsettle = this.#clock.onSettle?.(() => !this.#scheduler.idle);
    if (outside?.aborted === true) aborted();
    outside?.addEventListener("abort", aborted, { once: true });
    try {
      this.#started = this.#start();
      // A connect that hangs must not keep an aborted run from ending.
      await Promise.race([this.#started.catch((error) => this.#fail(error)), this.#finished]);
      if (!this.#isOver) this.#watch.start();
      await this.#finished;
    } finally {
      outside?.removeEventListener("abort", aborted);
      this.#watch.stop();
      await this.#close();
      unsettle?.();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return { status: this.#status, operators: this.#metrics.operators(), discarded: this.#discarded };
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    this.#over();
    this.#abort.abort(error);
    this.#scheduler.close();
  }

  #over(): void {
    this.#isOver = true;
    this.#resolveFinished();
  }

  #context(): SourceContext {
    const system = this.#checkpoint?.store.system;
    return {
      topology: this.#graph.name,
      signal: this.#abort.signal,
      clock: this.#clock,
      random: this.#random,
      logger: this.#logger,
      taskMode: this.#mode,
      startAt: this.#options.startAt ?? "earliest",
      ...(system === undefined ? {} : { transactionalSystem: system }),
    };
  }

  async #start(): Promise<void> {
    if (this.#isOver || this.#stopping) return;
    await this.#connections.connect(this.#plan, this.#checkpoint?.store, this.#context());
    if (this.#isOver) return;
    const { sources } = this.#connections;
    checkStore(this.#graph, this.#options, sources);
    for (const [id, connection] of sources) await connection.subscribe(this.#assignment.listener(id));
  }

  async #startTask({ name, partitions }: TaskRequest): Promise<void> {
    if (this.#isOver || this.#stopping) return;
    const { sources, sinks, store } = this.#connections;
    const counts = new Map<string, number>();
    for (const [id, source] of sources) counts.set(id, source.partitionCount?.() ?? this.#assignment.count(id));
    await this.#refuseOtherMode(partitions);
    const leased = await this.#connections.lease(name, this.#abort.signal);
    const start = await findStart(leased?.latest, {
      graph: this.#graph,
      partitionCounts: counts,
      sources: [...sources].map(([id, connection]) => ({ name: id, connection, partitions: partitions.get(id) ?? [] })),
      // Without a store there is no state that could be stale.
      onStale: this.#checkpoint === undefined ? "reset" : (this.#checkpoint.onStale ?? "fail"),
      allowDropped: this.#checkpoint?.allowDropped ?? [],
    });
    if (this.#isOver) return;
    if (start.ended) return this.#taskFinished(name);
    this.#steady.floor(start.processing);
    const task = new Task({
      name,
      topology: this.#graph.name,
      plan: this.#plan,
      scheduler: this.#scheduler,
      clock: this.#steady,
      random: this.#random,
      logger: this.#logger,
      signal: this.#abort.signal,
      channel: { ...DEFAULT_CHANNEL, ...this.#options.channel },
      metrics: this.#metrics,
      sources,
      sinks,
      target:
        leased === undefined || store === undefined
          ? undefined
          : { store: this.#checkpoint?.store.name ?? "", connection: store, task: name, lease: leased.number },
      facts: { topologyHash: topologyHash(this.#graph, counts), mode: this.#mode, partitionCounts: counts },
      everyMs: this.#everyMs,
      timeoutMs: this.#timeoutMs,
      atEnd: this.#options.atEnd ?? "keep",
      start,
      paused: (source) => this.#paused.has(source),
      generation: (source) => this.#assignment.generation(source),
      failed: (error) => this.#fail(error),
    });
    this.#tasks.set(name, task);
    await task.open();
    this.#gauges.set(name, registerGauges(this.#metrics, name, task, this.#steady));
    task.done.then(() => this.#taskDone(name, task)).catch((error) => this.#fail(error));
    // stop() came while the task was being opened.
    if (this.#stopping) task.stop().catch((error) => this.#fail(error));
  }

  /** Tasks of the other mode have other names in the store: their checkpoints would be left behind in silence. */
  async #refuseOtherMode(partitions: TaskRequest["partitions"]): Promise<void> {
    const [first = ""] = [...partitions.values()][0] ?? [];
    const other = this.#mode === "one" ? partitionTask(this.#graph.name, first) : this.#graph.name;
    this.#isOtherKnown ??= this.#connections.isKnown(other, this.#abort.signal);
    if (await this.#isOtherKnown) throw modeChanged(this.#mode);
  }

  #taskDone(name: string, task: Task): void {
    if (this.#tasks.get(name) !== task || this.#assignment.isMoving(name)) return;
    if (!task.complete) this.#status = "stopped";
    if (this.#connections.store === undefined) this.#discarded += task.held();
    this.#taskFinished(name);
  }

  #taskFinished(name: string): void {
    this.#assignment.finished(name);
    if (this.#assignment.allFinished) this.#over();
  }

  /** Its partitions are lost: the last checkpoint happens in here. */
  async #stopTask(name: string): Promise<void> {
    const task = this.#tasks.get(name);
    if (task !== undefined) {
      await Promise.race([task.stop(), this.#finished]);
      await task.close();
      this.#tasks.delete(name);
      this.#gauges.get(name)?.();
      this.#gauges.delete(name);
    }
    await this.#connections.release(name);
  }

  async #stopTasks(): Promise<void> {
    await this.#started;
    await this.#assignment.settled();
    if (this.#tasks.size === 0) this.#status = "stopped";
    await Promise.all([...this.#tasks.values()].map((task) => task.stop()));
    this.#over();
  }

  async #close(): Promise<void> {
    this.#scheduler.close();
    if (!this.#abort.signal.aborted) this.#abort.abort(new StreamError("E_ABORTED", "the run is over"));
    for (const [name, task] of this.#tasks) await this.#connections.quietly(`task ${name}`, () => task.close());
    await this.#connections.close();
  }
}
