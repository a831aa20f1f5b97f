import type {
  CheckpointConnection,
  CheckpointStore,
  Clock,
  Logger,
  RuntimeContext,
  SinkConnection,
  SourceConnection,
  SourceContext,
} from "../connector.js";
import { messageOf, StreamError } from "../errors.js";
import type { Resource } from "../stage.js";
import { begun } from "./closing.js";
import { withDeadline } from "./deadline.js";
import type { Plan } from "./plan.js";

/** Whoever only looks at a task's checkpoint is done by then. */
const LOOK_TIMEOUT_MS = 20_000;
/** A part that does not close within this is left behind. */
const CLOSE_TIMEOUT_MS = 10_000;

/** What of a run connects once a process: checkpoint store, lookups, sinks, sources. Each is closed once, whatever becomes of the others. */
export class Connections {
  readonly sources: Map<string, SourceConnection<unknown>> = new Map();
  readonly sinks: Map<string, SinkConnection<unknown>> = new Map();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #closers: { readonly what: string; readonly close: () => unknown }[] = [];
  readonly #leases = new Map<string, number>();
  #store: CheckpointConnection | undefined;
  #closed = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  get store(): CheckpointConnection | undefined {
    return this.#store;
  }

  /** Connects all, one after another. What connects only when close() was called already is closed at once. */
  async connect(plan: Plan, store: CheckpointStore | undefined, context: SourceContext): Promise<void> {
    if (store !== undefined) {
      this.#store = await this.#add("checkpoint store", store, context, (connection) => this.#closeStore(connection));
    }
    for (const resource of resourcesOf(plan)) {
      await this.#add(resource.name, { connect: async (own) => resource.connect?.(own) }, context, () =>
        resource.close?.(),
      );
    }
    for (const { id, sink } of plan.sinks) {
      const connection = await this.#add(id, sink, context, (sinkConnection) => sinkConnection.close());
      if (connection !== undefined) this.sinks.set(id, connection);
    }
    for (const { id, source } of plan.sources) {
      const connection = await this.#add(id, source, context, (sourceConnection) => sourceConnection.close());
      if (connection !== undefined) this.sources.set(id, connection);
    }
  }

  /** The lease of a task; undefined where there is no store. */
  async lease(
    task: string,
    signal: AbortSignal,
  ): Promise<Awaited<ReturnType<CheckpointConnection["lease"]>> | undefined> {
    const lease = await this.#store?.lease(task, { signal });
    if (lease !== undefined) this.#leases.set(task, lease.number);
    return lease;
  }

  /** Whether the store has a checkpoint of this task, or somebody runs it. Others may look at the same time, so it waits for them. */
  async isKnown(task: string, signal: AbortSignal): Promise<boolean> {
    const store = this.#store;
    if (store === undefined) return false;
    const lease = () => store.lease(task, { wait: true, signal });
    try {
      const limit = { clock: this.#clock, ms: LOOK_TIMEOUT_MS, what: `the lease of ${task}`, signal };
      const { number, latest } = await withDeadline(lease, limit);
      await store.release(task, number);
      return latest !== undefined;
    } catch (error) {
      if (error instanceof StreamError && error.code === "E_TIMEOUT") return true;
      throw error;
    }
  }

  async release(task: string): Promise<void> {
    const lease = this.#leases.get(task);
    if (lease === undefined) return;
    this.#leases.delete(task);
    await this.#store?.release(task, lease);
  }

  /** Closes in the opposite order: what was connected last first. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { what, close } of this.#closers.splice(0).reverse()) await this.quietly(what, close);
  }

  /** A part that fails to close, or hangs, does not keep the others from closing. */
  async quietly(what: string, close: () => unknown): Promise<void> {
    try {
      await withDeadline(close, { clock: this.#clock, ms: CLOSE_TIMEOUT_MS, what: `${what} to close` });
    } catch (error) {
      this.#logger.warn("closing failed", { what, error: messageOf(error) });
    }
  }

  async #add<C extends RuntimeContext, T>(
    what: string,
    part: { connect(context: C): Promise<T> },
    context: C,
    close: (connection: T) => unknown,
  ): Promise<T | undefined> {
    if (this.#closed) return undefined;
    const connection = await begun(() => part.connect(context));
    if (this.#closed) {
      await this.quietly(what, () => close(connection));
      return undefined;
    }
    this.#closers.push({ what, close: () => close(connection) });
    return connection;
  }

  async #closeStore(connection: CheckpointConnection): Promise<void> {
    for (const task of [...this.#leases.keys()]) await this.quietly(`lease ${task}`, () => this.release(task));
    await connection.close();
  }
}

function resourcesOf({ chains }: Plan): Set<Resource> {
  return new Set(chains.flat().flatMap((vertex) => vertex.spec.resources ?? []));
}
