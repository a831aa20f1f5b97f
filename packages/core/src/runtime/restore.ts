import type { Checkpoint, Position, SourceConnection, StateEntry } from "../connector.js";
import { StreamError } from "../errors.js";
import { taskMode, topologyHash } from "../graph/describe.js";
import type { Graph, OperatorVertex } from "../graph/graph.js";

/** Where a task begins: positions by source, and the state to restore. */
export interface StartPoint {
  readonly epoch: number;
  /** The input was complete and everything of it is out: there is nothing to do. */
  readonly ended: boolean;
  readonly positions: ReadonlyMap<string, ReadonlyMap<string, Position | undefined>>;
  readonly state: ReadonlyMap<string, readonly (readonly [Uint8Array, Uint8Array])[]>;
  readonly sinkStates: ReadonlyMap<string, Uint8Array>;
  readonly processing: number;
  /** What the next checkpoint writes beside the stages' changes. */
  readonly changes: readonly StateEntry[];
}

export interface StartSource {
  readonly name: string;
  readonly connection: SourceConnection<unknown>;
  readonly partitions: readonly string[];
}

export interface StartOptions {
  readonly graph: Graph;
  readonly partitionCounts: ReadonlyMap<string, number>;
  readonly sources: readonly StartSource[];
  readonly onStale: "fail" | "reset";
  readonly allowDropped: readonly string[];
}

/** The state under which a checkpoint notes what it is a checkpoint of, so that a refusal can say what changed. */
const FACTS_STATE = "@topology";
const FACTS_KEY = "facts";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Facts {
  readonly mode: string;
  readonly sources: Readonly<Record<string, number>>;
  readonly states: Readonly<
    Record<string, { readonly kind: string; readonly partitioned: boolean; readonly keyed: boolean }>
  >;
}

/** The name under which an operator's state is saved: the user's, or for what only the engine names, the operator's id. */
export function stateName(vertex: OperatorVertex): string {
  return vertex.spec.name ?? `@${vertex.id}`;
}

/** Decides where to begin by the rules of DESIGN §6 "Start". */
export async function findStart(latest: Checkpoint | undefined, options: StartOptions): Promise<StartPoint> {
  const { committed, ahead } = await comparePositions(latest, options);
  const stateful = options.graph.vertices.some(
    (vertex) => vertex.type === "operator" && vertex.spec.holdsState === true,
  );
  if (ahead !== undefined && stateful && options.onStale !== "reset")
    throw new StreamError(
      "E_STATE_STALE",
      `source "${ahead.source}" has committed position ${ahead.committed} of partition ${ahead.partition}, but the state is of ${ahead.saved ?? "no checkpoint at all"}: values in between would be missing in it. Restore the right checkpoint store, or start with checkpoint.onStale: "reset" to begin with empty state`,
    );
  if (latest === undefined || ahead !== undefined) return fresh(latest, committed, options);
  const saved = await readState(latest);
  const dropped = checkFacts(latest, saved, options);
  const changes: StateEntry[] = [];
  for (const name of dropped) for (const [key] of saved.get(name) ?? []) changes.push([name, key, undefined]);
  changes.push(factsEntry(options));
  const positions = new Map(
    options.sources.map(({ name, partitions }) => [
      name,
      new Map(partitions.map((partition) => [partition, latest.positions.get(name)?.get(partition)])),
    ]),
  );
  for (const name of dropped) saved.delete(name);
  return {
    epoch: latest.epoch,
    ended: latest.ended,
    positions,
    state: saved,
    sinkStates: latest.sinkStates,
    processing: latest.time.processing,
    changes,
  };
}

interface Ahead {
  readonly source: string;
  readonly partition: string;
  readonly committed: Position;
  readonly saved: Position | undefined;
}

/** What the sources have committed, and the first partition in which that is ahead of the checkpoint. */
async function comparePositions(
  latest: Checkpoint | undefined,
  { sources }: StartOptions,
): Promise<{ committed: Map<string, Map<string, Position | undefined>>; ahead: Ahead | undefined }> {
  const committed = new Map<string, Map<string, Position | undefined>>();
  let ahead: Ahead | undefined;
  for (const { name, connection, partitions } of sources) {
    const own = new Map<string, Position | undefined>();
    for (const partition of partitions) {
      const position = await connection.committed?.(partition);
      own.set(partition, position);
      const saved = latest?.positions.get(name)?.get(partition);
      if (position !== undefined && (saved === undefined || connection.comparePositions(position, saved) > 0))
        ahead ??= { source: name, partition, committed: position, saved };
    }
    committed.set(name, own);
  }
  return { committed, ahead };
}

/** Begins with empty state, at what the sources have committed. State left in the store is taken out by the next checkpoint. */
async function fresh(
  latest: Checkpoint | undefined,
  positions: StartPoint["positions"],
  options: StartOptions,
): Promise<StartPoint> {
  const changes: StateEntry[] = [];
  if (latest !== undefined)
    for (const [name, entries] of await readState(latest))
      for (const [key] of entries) changes.push([name, key, undefined]);
  changes.push(factsEntry(options));
  return {
    epoch: latest?.epoch ?? 0,
    ended: false,
    positions,
    state: new Map(),
    sinkStates: new Map(),
    processing: Number.NEGATIVE_INFINITY,
    changes,
  };
}

async function readState(latest: Checkpoint): Promise<Map<string, (readonly [Uint8Array, Uint8Array])[]>> {
  const state = new Map<string, (readonly [Uint8Array, Uint8Array])[]>();
  for await (const page of latest.entries()) {
    for (const [name, key, value] of page) {
      if (value === undefined) continue;
      const entries = state.get(name);
      if (entries === undefined) state.set(name, [[key, value]]);
      else entries.push([key, value]);
    }
  }
  return state;
}

/** Refuses a checkpoint of another topology, in words; returns the states that may be dropped. */
function checkFacts(
  latest: Checkpoint,
  saved: Map<string, (readonly [Uint8Array, Uint8Array])[]>,
  options: StartOptions,
): string[] {
  const entry = saved.get(FACTS_STATE)?.[0];
  saved.delete(FACTS_STATE);
  if (latest.topologyHash === topologyHash(options.graph, options.partitionCounts)) return [];
  if (entry === undefined)
    throw new StreamError(
      "E_CHECKPOINT_CORRUPT",
      "the checkpoint does not say of which topology it is: restore the store from a backup, or start with an empty one",
    );
  const then = JSON.parse(decoder.decode(entry[1])) as Facts;
  const now = factsOf(options);
  if (then.mode !== now.mode)
    throw changed(
      `it was run as ${then.mode === "one" ? "one task" : "a task a partition"} and is now run as ${now.mode === "one" ? "one task" : "a task a partition"}`,
    );
  checkSources(then, now);
  return checkStates(then, now, options.allowDropped);
}

function checkSources(then: Facts, now: Facts): void {
  for (const name of new Set([...Object.keys(then.sources), ...Object.keys(now.sources)])) {
    const [before, after] = [then.sources[name], now.sources[name]];
    if (before === after) continue;
    if (before !== undefined && after !== undefined)
      throw new StreamError(
        "E_PARTITION_COUNTS",
        `source "${name}" had ${before} partitions in the checkpoint and has ${after} now: keys have moved between partitions, so state can not be restored`,
      );
    throw changed(`source "${name}" ${after === undefined ? "is gone" : "is new"}`);
  }
}

function checkStates(then: Facts, now: Facts, allowDropped: readonly string[]): string[] {
  const dropped: string[] = [];
  for (const [name, before] of Object.entries(then.states)) {
    const after = now.states[name];
    if (after === undefined) {
      if (!allowDropped.includes(name))
        throw new StreamError(
          "E_STATE_UNKNOWN",
          `the checkpoint has state "${name}" of a ${before.kind}, which no operator has now: keep the name, or start with checkpoint.allowDropped: [${JSON.stringify(name)}] to lose it`,
        );
      dropped.push(name);
    } else if (after.kind !== before.kind || after.partitioned !== before.partitioned || after.keyed !== before.keyed) {
      if (!allowDropped.includes(name))
        throw changed(`state "${name}" is of a ${describe(before)} in the checkpoint and of a ${describe(after)} now`);
      dropped.push(name);
    }
  }
  for (const [name, after] of Object.entries(now.states)) {
    if (then.states[name] === undefined && !allowDropped.includes(name))
      throw new StreamError(
        "E_STATE_MISSING",
        `${after.kind} "${name}" has no state in the checkpoint: it would begin empty in the middle of the input. Name it in checkpoint.allowDropped to accept that`,
      );
  }
  return dropped;
}

function describe(state: Facts["states"][string]): string {
  return `${state.keyed ? "keyed " : ""}${state.kind}${state.partitioned ? " by a partitioned key" : ""}`;
}

function changed(why: string): StreamError {
  return new StreamError(
    "E_TOPOLOGY_CHANGED",
    `the checkpoint is of another topology: ${why}. Change it back, or start with an empty store`,
  );
}

function factsOf({ graph, partitionCounts }: StartOptions): Facts {
  const states: Record<string, { kind: string; partitioned: boolean; keyed: boolean }> = {};
  for (const vertex of graph.vertices) {
    if (vertex.type === "operator" && vertex.spec.holdsState === true && vertex.spec.name !== undefined)
      states[vertex.spec.name] = { kind: vertex.spec.kind, partitioned: vertex.partitioned, keyed: vertex.keyed };
  }
  return { mode: taskMode(graph).mode, sources: Object.fromEntries(partitionCounts), states };
}

function factsEntry(options: StartOptions): StateEntry {
  return [FACTS_STATE, encoder.encode(FACTS_KEY), encoder.encode(JSON.stringify(factsOf(options)))];
}
