import type { Checkpoint, Position, SourceConnection, StateEntry } from "../connector.js";
import { StreamError } from "../errors.js";
import { topologyHash } from "../graph/describe.js";
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
  const { furthest, ahead } = await comparePositions(latest, options);
  const stateful = options.graph.vertices.some(
    (vertex) => vertex.type === "operator" && vertex.spec.holdsState === true,
  );
  if (ahead !== undefined && stateful && options.onStale !== "reset")
    throw new StreamError(
      "E_STATE_STALE",
      `source "${ahead.source}" has committed position ${ahead.committed} of partition ${ahead.partition}, but the state is of ${ahead.saved ?? "no checkpoint at all"}: values in between would be missing in it. Restore the right checkpoint store, or start with checkpoint.onStale: "reset" to begin with empty state`,
    );
  if (latest === undefined || ahead !== undefined) return fresh(latest, furthest, options);
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

/** How far each partition has been read, by the checkpoint or by what its source has committed, and the first in which the source is ahead. */
async function comparePositions(
  latest: Checkpoint | undefined,
  { sources }: StartOptions,
): Promise<{ furthest: Map<string, Map<string, Position | undefined>>; ahead: Ahead | undefined }> {
  const furthest = new Map<string, Map<string, Position | undefined>>();
  let ahead: Ahead | undefined;
  for (const { name, connection, partitions } of sources) {
    const own = new Map<string, Position | undefined>();
    for (const partition of partitions) {
      const committed = await connection.committed?.(partition);
      const saved = latest?.positions.get(name)?.get(partition);
      const isAhead =
        committed !== undefined && (saved === undefined || connection.comparePositions(committed, saved) > 0);
      own.set(partition, isAhead ? committed : saved);
      if (isAhead) ahead ??= { source: name, partition, committed, saved };
    }
    furthest.set(name, own);
  }
  return { furthest, ahead };
}

/**
 * Begins with empty state, where reading had come to. State left in the store is taken out by the next checkpoint; what sinks saved of
 * themselves stays, since what they have written does too.
 */
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
    sinkStates: latest?.sinkStates ?? new Map(),
    processing: latest?.time.processing ?? Number.NEGATIVE_INFINITY,
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

/** The error for a store that has checkpoints of the other way to run the topology. */
export function modeChanged(now: "one" | "per-partition"): StreamError {
  return changed(
    now === "one"
      ? "it was run as a task a partition and is now run as one task"
      : "it was run as one task and is now run as a task a partition",
  );
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
  return { sources: Object.fromEntries(partitionCounts), states };
}

function factsEntry(options: StartOptions): StateEntry {
  return [FACTS_STATE, encoder.encode(FACTS_KEY), encoder.encode(JSON.stringify(factsOf(options)))];
}
