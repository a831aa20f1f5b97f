import assert from "node:assert/strict";
import type {
  Checkpoint,
  CheckpointConnection,
  CheckpointDelta,
  CheckpointHead,
  CheckpointStore,
  StateEntry,
} from "../connector.js";
import { StreamError } from "../errors.js";
import { type Check, within } from "./suite.js";
import { testContext } from "./test-context.js";

/** Makes empty storage; `store()` is another process's view of it. */
export type CheckpointSetup = () => Promise<{ store(): CheckpointStore; teardown(): Promise<void> }>;

export const TASK = "orders/0";

/** Makes a check on fresh storage; connections that it opens are closed after it, in whatever way it ends. */
export function check(setup: CheckpointSetup, name: string, body: (bench: CheckpointBench) => Promise<void>): Check {
  return {
    name,
    async run() {
      const { store, teardown } = await within("setup()", setup());
      const bench = new CheckpointBench(store);
      try {
        await body(bench);
      } finally {
        await bench.close();
        await within("teardown()", teardown());
      }
    },
  };
}

/** Opens connections to one storage and speaks to them with a deadline. */
export class CheckpointBench {
  readonly #store: () => CheckpointStore;
  readonly #open: CheckpointConnection[] = [];

  constructor(store: () => CheckpointStore) {
    this.#store = store;
  }

  /** A connection as another process would have it. */
  async connect(): Promise<CheckpointConnection> {
    const connection = await within("connect()", this.#store().connect(testContext()));
    this.#open.push(connection);
    return connection;
  }

  /** A connection that holds the lease of the task, with what was saved. */
  async leased(task: string = TASK): Promise<Leased> {
    const connection = await this.connect();
    return new Leased(connection, task, await within("lease()", connection.lease(task)));
  }

  /** What a run that starts now would restore; the lease is given back. */
  async saved(task: string = TASK): Promise<Saved | undefined> {
    const leased = await this.leased(task);
    const saved =
      leased.latest === undefined ? undefined : { head: leased.latest, state: await stateOf(leased.latest) };
    await leased.release();
    return saved;
  }

  async close(): Promise<void> {
    for (const connection of this.#open) await within("close()", connection.close());
  }
}

export interface Saved {
  readonly head: CheckpointHead;
  readonly state: ReadonlyMap<string, string>;
}

/** One holder of a lease. */
export class Leased {
  readonly connection: CheckpointConnection;
  readonly number: number;
  readonly latest: Checkpoint | undefined;
  readonly #task: string;

  constructor(
    connection: CheckpointConnection,
    task: string,
    lease: { readonly number: number; readonly latest: Checkpoint | undefined },
  ) {
    this.connection = connection;
    this.#task = task;
    this.number = lease.number;
    this.latest = lease.latest;
  }

  async commit(epoch: number, changes: readonly StateEntry[] = [], head: Partial<CheckpointHead> = {}): Promise<void> {
    await within(
      `commit() of epoch ${epoch}`,
      this.connection.commit(this.#task, this.number, delta(epoch, changes, head)),
    );
  }

  async latestEpoch(): Promise<number | undefined> {
    return within("latestEpoch()", this.connection.latestEpoch(this.#task, this.number));
  }

  async release(): Promise<void> {
    await within("release()", this.connection.release(this.#task, this.number));
  }
}

export function delta(
  epoch: number,
  changes: readonly StateEntry[],
  head: Partial<CheckpointHead> = {},
): CheckpointDelta {
  return {
    format: 1,
    epoch,
    ended: false,
    topologyHash: "hash",
    mode: "one",
    positions: new Map([["source", new Map([["0", String(epoch)]])]]),
    partitionCounts: new Map([["source", 1]]),
    time: { processing: 1_700_000_000_000, watermarks: new Map() },
    sinkStates: new Map(),
    ...head,
    changes,
    commits: [],
  };
}

/** All entries of a checkpoint as text; a key that comes twice fails. */
export async function stateOf(checkpoint: Checkpoint): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  const read = async (): Promise<void> => {
    for await (const page of checkpoint.entries()) {
      for (const [name, key, value] of page) {
        assert.ok(value !== undefined, `a deleted entry of state "${name}" came back`);
        const text = entryText(name, key);
        assert.ok(!state.has(text), `entry ${text} came twice`);
        state.set(text, hex(value));
      }
    }
  };
  await within("entries()", read());
  return state;
}

/** A state and key as text. */
export function entryText(name: string, key: Uint8Array): string {
  return `${name} ${hex(key)}`;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** Fails unless the call is refused with a StreamError of this code. */
export async function refusedWith(code: string, what: string, call: Promise<unknown>): Promise<StreamError> {
  try {
    await within(what, call);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert.ok(
      error instanceof StreamError && error.code === code,
      `${what} must be refused with ${code}; it failed with ${error}`,
    );
    return error;
  }
  assert.fail(`${what} must be refused with ${code}; it succeeded`);
}

/** Fails unless the call is refused, with whatever error. */
export async function refused(what: string, call: Promise<unknown>): Promise<void> {
  try {
    await within(what, call);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return;
  }
  assert.fail(`${what} must be refused; it succeeded`);
}
