import type { CheckpointConnection, Clock, Logger, RuntimeContext, SinkConnection, SourceConnection } from "../connector.js";
import { durationMs, type Duration } from "../duration.js";
import type { Key } from "../element.js";
import { messageOf, StreamError } from "../errors.js";
import { taskMode, topologyHash } from "../graph/describe.js";
import type { Graph } from "../graph/graph.js";
import { type Metrics, MetricsRegistry } from "../metrics/metrics.js";
import type { Resource } from "../stage.js";
import { systemClock } from "../time/clock.js";
import { Assignment, type TaskRequest } from "./assignment.js";
import { Deadline } from "./deadline.js";
import { registerGauges } from "./gauges.js";
import { healthOf } from "./health.js";
import { type Plan, planGraph } from "./plan.js";
import { findStart } from "./restore.js";
import type { CheckpointOptions, Run, RunHealth, RunOptions, RunSummary } from "./run-options.js";
import { Scheduler } from "./scheduler.js";
import { StallWatch } from "./stall-watch.js";
import { checkBeforeStart, checkStore } from "./start-checks.js";
import { steadyClock } from "./steady-clock.js";
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
/** Parts that do not close within this are left behind. */
const CLOSE_TIMEOUT_MS = 10_000;

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
  readonly #options: RunOptions;
  readonly #checkpoint: CheckpointOptions | undefined;
  readonly #everyMs: number;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #steady: Clock & { floor(ms: number): void };
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #abort = new AbortController();
  readonly #scheduler: Scheduler;
  readonly #metrics: MetricsRegistry;
  readonly #assignment: Assignment;
  readonly #sources = new Map<string, SourceConnection<unknown>>();
  readonly #sinks = new Map<string, SinkConnection<unknown>>();
  readonly #resources: Resource[] = [];
  readonly #tasks = new Map<string, Task>();
  readonly #leases = new Map<string, number>();
  readonly #gauges = new Map<string, () => void>();
  readonly #watch: StallWatch;
  #store: CheckpointConnection | undefined;
  #failure: { readonly error: unknown } | undefined;
  #status: RunSummary["status"] = "completed";
  #discarded = 0;
  #stopping = false;
  #aborted = false;
  #started: Promise<void> = Promise.resolve();
  #over: () => void = () => {};
  readonly #finished: Promise<void>;

  constructor(graph: Graph, options: RunOptions, checkpoint: CheckpointOptions | undefined, seams: RunSeams) {
    this.#graph = graph;
    this.#plan = planGraph(graph);
    this.#options = options;
    this.#checkpoint = checkpoint;
    this.#everyMs = checkpoint === undefined ? DEFAULT_COMMIT_INTERVAL_MS : durationMs(checkpoint.every, "checkpoint.every");
    this.#timeoutMs = durationMs(checkpoint?.timeout ?? DEFAULT_CHECKPOINT_TIMEOUT, "checkpoint.timeout");
    this.#clock = options.clock ?? systemClock;
    this.#steady = steadyClock(this.#clock);
    this.#random = options.random ?? Math.random;
    this.#logger = options.logger ?? warningsToConsole;
    this.#scheduler = new Scheduler({ virtual: this.#clock.virtual === true, pick: seams.pick, failed: (error) => this.#fail(error) });
    this.#metrics = new MetricsRegistry(graph.name);
    for (const vertex of graph.vertices) this.#metrics.counters(vertex.id);
    this.#assignment = new Assignment(taskMode(graph).mode, graph.name, this.#plan.sources.map(({ id }) => id), {
      start: (request) => this.#startTask(request),
      stop: (name) => this.#stopTask(name),
    });
    this.#watch = new StallWatch(this.#clock, this.#scheduler, () => [...this.#tasks.values()], (error) => this.#fail(error));
    this.#finished = new Promise((resolve) => {
      this.#over = resolve;
    });
    this.done = this.#main();
    // Whoever awaits `done` gets the error; nobody doing so must not take the process down.
    this.done.catch((error) => {
      if (!this.#aborted && seams.awaited !== true) this.#logger.error(`topology "${graph.name}" failed`, { error: messageOf(error) });
    });
  }

  async stop({ timeout = DEFAULT_STOP_TIMEOUT }: { readonly timeout?: Duration } = {}): Promise<RunSummary> {
    const timeoutMs = durationMs(timeout, "stop({ timeout })");
    if (!this.#stopping) {
      this.#stopping = true;
      this.#status = "stopped";
      const cancel = this.#clock.schedule(this.#clock.now() + timeoutMs, () => {
        const waits = this.health().reasons.join("; ");
        this.#fail(new StreamError("E_STOP_TIMEOUT", `stop() did not get everything out within ${timeoutMs} ms${waits === "" ? "" : `: ${waits}`}`));
      });
      this.#stopTasks().catch((error) => this.#fail(error));
      const settled = (): void => cancel();
      this.done.then(settled, settled);
    }
    return this.done;
  }

  abort(reason?: unknown): void {
    this.#aborted = true;
    this.#fail(reason ?? new StreamError("E_ABORTED", `topology "${this.#graph.name}" was aborted`));
  }

  pause(source?: string): void {
    this.#setPaused(source, true);
  }

  resume(source?: string): void {
    this.#setPaused(source, false);
  }

  metrics(): Metrics {
    return this.#metrics;
  }

  health(): RunHealth {
    return healthOf([...this.#tasks.values()], this.#failure?.error);
  }

  state(name: string): { get(key: Key): unknown } {
    if (!this.#graph.vertices.some((vertex) => vertex.type === "operator" && vertex.spec.name === name && vertex.spec.holdsState === true))
      throw new StreamError("E_ARGUMENT", `no operator of topology "${this.#graph.name}" keeps state under the name "${name}"`);
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

  #setPaused(name: string | undefined, paused: boolean): void {
    let found = name === undefined;
    for (const task of this.#tasks.values()) {
      for (const source of task.sources) {
        if (name !== undefined && source.vertex.id !== name) continue;
        found = true;
        source.pause(paused);
      }
    }
    if (!found) throw new StreamError("E_ARGUMENT", `topology "${this.#graph.name}" has no running source "${name}"`);
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
      this.#started = this.#connect();
      // A connect that hangs must not keep an aborted run from ending.
      await Promise.race([this.#started.catch((error) => this.#fail(error)), this.#finished]);
      if (this.#failure === undefined) this.#watch.start();
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
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#abort.abort(error);
    this.#scheduler.close();
    this.#over();
  }

  #context(): RuntimeContext {
    const system = this.#checkpoint?.store.system;
    return {
      topology: this.#graph.name,
      signal: this.#abort.signal,
      clock: this.#clock,
      random: this.#random,
      logger: this.#logger,
      ...(system === undefined ? {} : { transactionalSystem: system }),
    };
  }

  async #connect(): Promise<void> {
    const context = this.#context();
    const { sources, sinks } = this.#plan;
    if (this.#checkpoint !== undefined) this.#store = await this.#checkpoint.store.connect(context);
    for (const resource of resourcesOf(this.#graph)) {
      if (this.#failure !== undefined) return;
      await resource.connect?.(context);
      this.#resources.push(resource);
    }
    for (const { id, sink } of sinks) {
      if (this.#failure !== undefined) return;
      this.#sinks.set(id, await sink.connect(context));
    }
    for (const { id, source } of sources) {
      if (this.#failure !== undefined) return;
      this.#sources.set(id, await source.connect({ ...context, taskMode: taskMode(this.#graph).mode, startAt: this.#options.startAt ?? "earliest" }));
    }
    checkStore(this.#graph, this.#options, this.#sources);
    for (const [id, connection] of this.#sources) await connection.subscribe(this.#assignment.listener(id));
  }

  async #startTask({ name, partitions }: TaskRequest): Promise<void> {
    if (this.#failure !== undefined || this.#stopping) return;
    const counts = new Map<string, number>();
    for (const { id } of this.#plan.sources) counts.set(id, this.#sources.get(id)?.partitionCount?.() ?? this.#assignment.count(id));
    const leased = await this.#store?.lease(name, { signal: this.#abort.signal });
    if (leased !== undefined) this.#leases.set(name, leased.number);
    const start = await findStart(leased?.latest, {
      graph: this.#graph,
      partitionCounts: counts,
      sources: this.#plan.sources.map(({ id }) => ({ name: id, connection: this.#sources.get(id) as SourceConnection<unknown>, partitions: partitions.get(id) ?? [] })),
      onStale: this.#checkpoint?.onStale ?? "fail",
      allowDropped: this.#checkpoint?.allowDropped ?? [],
    });
    if (start.ended) {
      this.#over();
      return;
    }
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
      metrics: this.#metrics,
      sources: this.#sources,
      sinks: this.#sinks,
      target: leased === undefined || this.#store === undefined ? undefined : { store: this.#checkpoint?.store.name ?? "the store", connection: this.#store, task: name, lease: leased.number },
      facts: { topologyHash: topologyHash(this.#graph, counts), mode: taskMode(this.#graph).mode, partitionCounts: counts },
      everyMs: this.#everyMs,
      timeoutMs: this.#timeoutMs,
      atEnd: this.#options.atEnd ?? "keep",
      start,
      generation: (source) => this.#assignment.generation(source),
      failed: (error) => this.#fail(error),
    });
    this.#tasks.set(name, task);
    await task.open();
    this.#gauges.set(name, registerGauges(this.#metrics, name, task, this.#steady));
    task.done.then(() => this.#taskDone(name, task));
    // stop() came while the task was being opened.
    if (this.#stopping) task.stop().catch((error) => this.#fail(error));
  }

  #taskDone(name: string, task: Task): void {
    if (this.#tasks.get(name) !== task || this.#assignment.moving) return;
    if (this.#store === undefined) this.#discarded += task.held();
    this.#assignment.finished(name);
    if (this.#assignment.allFinished) this.#over();
  }

  /** Its partitions are lost: the last checkpoint happens in here. */
  async #stopTask(name: string): Promise<void> {
    const task = this.#tasks.get(name);
    if (task === undefined) return;
    await Promise.race([task.stop(), this.#finished]);
    await task.close();
    this.#tasks.delete(name);
    this.#gauges.get(name)?.();
    await this.#release(name);
  }

  async #stopTasks(): Promise<void> {
    await this.#started;
    await this.#assignment.settled();
    if (this.#tasks.size === 0) this.#over();
    await Promise.all([...this.#tasks.values()].map((task) => task.stop()));
  }

  async #release(name: string): Promise<void> {
    const lease = this.#leases.get(name);
    if (lease === undefined) return;
    this.#leases.delete(name);
    await this.#store?.release(name, lease);
  }

  /** Closes every part once, whatever the others do; what hangs is left behind after a while. */
  async #close(): Promise<void> {
    this.#scheduler.close();
    if (!this.#abort.signal.aborted) this.#abort.abort(new StreamError("E_ABORTED", "the run is over"));
    await this.#quietly("tasks", Promise.all([...this.#tasks.values()].map((task) => task.close())));
    for (const [id, connection] of this.#sources) await this.#quietly(id, connection.close());
    for (const [id, connection] of this.#sinks) await this.#quietly(id, connection.close());
    for (const resource of this.#resources) await this.#quietly(resource.name, Promise.resolve(resource.close?.()));
    for (const name of [...this.#leases.keys()]) await this.#quietly(`lease ${name}`, this.#release(name));
    if (this.#store !== undefined) await this.#quietly("checkpoint store", this.#store.close());
  }

  async #quietly(what: string, closing: Promise<unknown>): Promise<void> {
    try {
      await new Deadline(this.#clock, CLOSE_TIMEOUT_MS).race(closing, `${what} to close`);
    } catch (error) {
      this.#logger.warn("closing failed", { what, error: messageOf(error) });
    }
  }
}

function resourcesOf(graph: Graph): Set<Resource> {
  return new Set(graph.vertices.flatMap((vertex) => (vertex.type === "operator" ? [...(vertex.spec.resources ?? [])] : [])));
}

/** The default logger: warnings and errors to stderr, nothing else. */
const warningsToConsole: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message, fields) => console.warn(`millrace: ${message}`, fields ?? ""),
  error: (message, fields) => console.error(`millrace: ${message}`, fields ?? ""),
};
