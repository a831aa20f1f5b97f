import { hostname } from "node:os";
import type {
  Checkpoint,
  CheckpointConnection,
  CheckpointDelta,
  CheckpointHead,
  CheckpointStore,
  RuntimeContext,
  StateEntry,
} from "../connector.js";
import { StreamError } from "../errors.js";

/** Entries a page of a restored checkpoint holds at most. */
const PAGE = 1_000;

/** A task's last checkpoint and who may write the next. */
interface TaskRecord {
  leases: number;
  holder: Holder | undefined;
  readonly waiting: Waiter[];
  head: CheckpointHead | undefined;
  /** state name → key bytes as text → entry */
  readonly state: Map<string, Map<string, StateEntry>>;
}

interface Holder {
  readonly number: number;
  readonly connection: MemoryConnection;
  readonly topology: string;
  readonly sinceMs: number;
}

interface Lease {
  readonly number: number;
  readonly latest: Checkpoint | undefined;
}

interface Waiter {
  readonly connection: MemoryConnection;
  readonly grant: () => void;
  readonly refuse: (reason: unknown) => void;
}

/**
 * Checkpoints in this process's memory: they outlive a run, not the process. Runs that share the store object resume each other, for
 * tests and for pipelines that restart within a process. A lease is held until it is released, its connection is closed, or its run's
 * signal ends; what is saved is copied, both ways.
 *
 * Fails with `E_LEASE_HELD` while another run holds the task, `E_FENCED` for a commit under a lease that is over, and
 * `E_CHECKPOINT_STORE` for an epoch that is not newer than the last.
 *
 * @example
 * ```ts
 * import { discardSink, from, memoryCheckpoints, topology } from "@millrace/core";
 * const orders = topology("orders", from([1, 2, 3], { name: "orders" }).to(discardSink()));
 * const store = memoryCheckpoints();
 * await orders.run({ checkpoint: { every: "1s", store } }); // a second run goes on where this one ended
 * ```
 */
export function memoryCheckpoints(): CheckpointStore {
  const tasks = new Map<string, TaskRecord>();
  return {
    name: "memory",
    async connect(context) {
      return new MemoryConnection(tasks, context);
    },
  };
}

class MemoryConnection implements CheckpointConnection {
  readonly #tasks: Map<string, TaskRecord>;
  readonly #context: RuntimeContext;
  readonly #onAbort = (): void => this.#leave("its run has ended");
  #closed = false;

  constructor(tasks: Map<string, TaskRecord>, context: RuntimeContext) {
    this.#tasks = tasks;
    this.#context = context;
    if (context.signal.aborted) this.#closed = true;
    else context.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  async lease(task: string, options: { readonly wait?: boolean; readonly signal?: AbortSignal } = {}): Promise<Lease> {
    this.#requireOpen();
    const record = this.#record(task);
    if (record.holder === undefined) return this.#take(record);
    if (options.wait !== true) throw held(task, record.holder);
    return this.#turnOf(record, options.signal);
  }

  async release(task: string, lease: number): Promise<void> {
    const record = this.#tasks.get(task);
    if (record?.holder?.connection === this && record.holder.number === lease) free(record);
  }

  async commit(task: string, lease: number, checkpoint: CheckpointDelta): Promise<void> {
    const record = this.#leased(task, lease);
    const { head } = record;
    if (checkpoint.commits.length > 0)
      throw new StreamError(
        "E_CHECKPOINT_STORE",
        `memory checkpoints have no transaction that sink "${checkpoint.commits[0]?.sink}" could write in`,
      );
    if (head !== undefined && checkpoint.epoch <= head.epoch)
      throw new StreamError(
        "E_CHECKPOINT_STORE",
        `epoch ${checkpoint.epoch} of task "${task}" is not newer than the last one, ${head.epoch}`,
      );
    record.head = copyHead(checkpoint);
    for (const change of checkpoint.changes) apply(record.state, change);
  }

  async latestEpoch(task: string, lease: number): Promise<number | undefined> {
    return this.#leased(task, lease).head?.epoch;
  }

  async close(): Promise<void> {
    this.#leave("its connection was closed");
  }

  #record(task: string): TaskRecord {
    let record = this.#tasks.get(task);
    if (record === undefined) {
      record = { leases: 0, holder: undefined, waiting: [], head: undefined, state: new Map() };
      this.#tasks.set(task, record);
    }
    return record;
  }

  #leased(task: string, lease: number): TaskRecord {
    this.#requireOpen();
    const record = this.#tasks.get(task);
    if (record?.holder?.connection !== this || record.holder.number !== lease) {
      const now =
        record?.holder === undefined ? "nobody holds it now" : `lease ${record.holder.number} has taken its place`;
      throw new StreamError(
        "E_FENCED",
        `lease ${lease} of task "${task}" is over, ${now}: this run must not write checkpoints any more`,
      );
    }
    return record;
  }

  #requireOpen(): void {
    if (this.#closed) throw new StreamError("E_CHECKPOINT_STORE", "this connection to memory checkpoints is closed");
  }

  #take(record: TaskRecord): Lease {
    const number = ++record.leases;
    record.holder = { number, connection: this, topology: this.#context.topology, sinceMs: this.#context.clock.now() };
    return { number, latest: record.head === undefined ? undefined : checkpointOf(record.head, record.state) };
  }

  /** Those who wait get the lease in the order they came, in the turn in which it becomes free. */
  #turnOf(record: TaskRecord, signal: AbortSignal | undefined): Promise<Lease> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        connection: this,
        grant: () => {
          signal?.removeEventListener("abort", stop);
          resolve(this.#take(record));
        },
        refuse: (reason) => {
          signal?.removeEventListener("abort", stop);
          record.waiting.splice(record.waiting.indexOf(waiter), 1);
          reject(new StreamError("E_ABORTED", "the wait for a lease was given up", { cause: reason }));
        },
      };
      const stop = (): void => waiter.refuse(signal?.reason);
      record.waiting.push(waiter);
      if (signal?.aborted === true) stop();
      else signal?.addEventListener("abort", stop, { once: true });
    });
  }

  #leave(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.signal.removeEventListener("abort", this.#onAbort);
    for (const record of this.#tasks.values()) {
      for (const waiter of record.waiting.filter(({ connection }) => connection === this))
        waiter.refuse(new Error(why));
      if (record.holder?.connection === this) free(record);
    }
  }
}

function free(record: TaskRecord): void {
  record.holder = undefined;
  record.waiting.shift()?.grant();
}

function held(task: string, { topology, number, sinceMs }: Holder): StreamError {
  return new StreamError(
    "E_LEASE_HELD",
    `task "${task}" is run by another: lease ${number}, topology "${topology}", host ${hostname()}, pid ${process.pid}, since ${new Date(sinceMs).toISOString()}`,
  );
}

function apply(state: Map<string, Map<string, StateEntry>>, [name, key, value]: StateEntry): void {
  let entries = state.get(name);
  if (entries === undefined) {
    entries = new Map();
    state.set(name, entries);
  }
  const text = Buffer.from(key).toString("latin1");
  if (value === undefined) entries.delete(text);
  else entries.set(text, [name, copyBytes(key), copyBytes(value)]);
  if (entries.size === 0) state.delete(name);
}

/** The state of this moment: commits that follow do not show in it. */
function checkpointOf(head: CheckpointHead, state: ReadonlyMap<string, ReadonlyMap<string, StateEntry>>): Checkpoint {
  const all = Array.from(state.values()).flatMap((entries) => Array.from(entries.values()));
  return {
    ...copyHead(head),
    async *entries() {
      for (let from = 0; from < all.length; from += PAGE) yield all.slice(from, from + PAGE).map(copyEntry);
    },
  };
}

/** Not slice(): a Buffer's shares its memory. */
function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

function copyEntry([name, key, value]: StateEntry): StateEntry {
  return [name, copyBytes(key), value === undefined ? undefined : copyBytes(value)];
}

function copyHead(head: CheckpointHead): CheckpointHead {
  return {
    format: head.format,
    epoch: head.epoch,
    ended: head.ended,
    topologyHash: head.topologyHash,
    mode: head.mode,
    positions: new Map(Array.from(head.positions, ([source, partitions]) => [source, new Map(partitions)])),
    partitionCounts: new Map(head.partitionCounts),
    time: { processing: head.time.processing, watermarks: new Map(head.time.watermarks) },
    sinkStates: new Map(Array.from(head.sinkStates, ([sink, bytes]) => [sink, copyBytes(bytes)])),
  };
}
