import type { Clock, Lookup } from "../connector.js";
import type { Key } from "../element.js";
import { StreamError } from "../errors.js";
import type { Graph, Vertex } from "../graph/graph.js";
import { iterableSource } from "../io/iterable-source.js";
import { startRun } from "../runtime/run.js";
import { memoryCheckpoints } from "../state/memory-checkpoints.js";
import { graphOf, type Topology } from "../topology.js";
import { type FaultKind, FaultPlan, type Faults, type Occasions } from "./fault-plan.js";
import { RealIo } from "./real-io.js";
import { seededRandom } from "./seeded-random.js";
import { CRASH, type SimulatedWorld, simulatedSink, simulatedSource, simulatedStore } from "./simulated-parts.js";
import { Trace } from "./trace.js";
import { type VirtualClock, virtualClock } from "./virtual-clock.js";

/** What a simulated topology may use of the world: nothing else moves in it. */
export interface World {
  readonly clock: Clock;
  readonly random: () => number;
}

/** What happens in a simulation: all of its chance comes from `seed`. The numbers of `faults` are upper bounds: a short run has fewer occasions. */
export interface SimulateOptions {
  readonly seed: number;
  readonly faults: Faults;
  readonly replace?: {
    /** Iterables in place of the sources of these names. */
    readonly sources?: Readonly<Record<string, Iterable<unknown>>>;
    /** Maps in place of the lookups of these names. */
    readonly lookups?: Readonly<Record<string, ReadonlyMap<Key, unknown>>>;
  };
}

/** What a simulation came to. */
export interface Simulation {
  /** Equal for every run of the seed. */
  readonly traceHash: string;
  /** How many faults of each kind there were. */
  readonly faults: Readonly<Record<FaultKind, number>>;
  /** What each sink holds at the end: of an idempotent or versioned sink the last content of each id, of any other every value written. */
  readonly sinks: Readonly<Record<string, readonly unknown[]>>;
}

const CHECKPOINT_EVERY_MS = 50;
const CHECKPOINT_TIMEOUT_MS = 2_000;
const EPOCH_2026_MS = 1_767_225_600_000;

/**
 * Runs a topology in a world that moves only by a seed: scheduling, read sizes, delays, crashes, torn commits, abandoned epochs. After each
 * crash it starts again from the last checkpoint, until the input is complete. The seed is run twice, and both runs must have the same
 * trace (else `E_SIMULATION`: something in the topology depends on more than `world.clock` and `world.random`). The builder runs once a
 * run; what it creates survives the simulated crashes. Real I/O or a worker inside is an error (`E_SIMULATION`).
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { simulate, testSink } from "@millrace/core/testing";
 * const { faults, sinks } = await simulate(
 *   () => from([1, 2, 3], { name: "numbers" }).fold(0, (sum, n) => sum + n, { name: "sum" }).to(testSink<number>("sums")),
 *   { seed: 7, faults: { crash: 2 } },
 * );
 * ```
 */
export async function simulate(
  build: (world: World) => Topology | Promise<Topology>,
  options: SimulateOptions,
): Promise<Simulation> {
  const calm = await simulateOnce(build, options, undefined);
  const first = await simulateOnce(build, options, calm.occasions);
  const second = await simulateOnce(build, options, calm.occasions);
  if (first.result.traceHash !== second.result.traceHash)
    throw new StreamError(
      "E_SIMULATION",
      `two runs of seed ${options.seed} differ: something in the topology depends on more than world.clock and world.random`,
    );
  return second.result;
}

async function simulateOnce(
  build: (world: World) => Topology | Promise<Topology>,
  { seed, faults, replace }: SimulateOptions,
  expected: Occasions | undefined,
): Promise<{ result: Simulation; occasions: Occasions }> {
  const clock = virtualClock(EPOCH_2026_MS);
  const plan = new FaultPlan(faults, expected, seededRandom(seed ^ 0x5eed));
  const trace = new Trace(() => clock.now());
  const topology = await build({ clock, random: seededRandom(seed ^ 0x0b1ec7) });
  const contents = new Map<string, SinkContent>();
  const crash: { now: () => void } = { now: () => {} };
  const world: SimulatedWorld = {
    clock,
    random: seededRandom(seed),
    plan,
    trace,
    crashPoint: (signal) => {
      signal.throwIfAborted();
      if (plan.strikes("crash")) crash.now();
      signal.throwIfAborted();
    },
    checkpointTimeoutMs: CHECKPOINT_TIMEOUT_MS,
  };
  const graph = simulatedGraph(graphOf(topology), world, contents, replace?.sources ?? {});
  const restore = replaceLookups(graph, replace?.lookups ?? {});
  try {
    const store = simulatedStore(memoryCheckpoints(), world);
    const pick = seededRandom(seed ^ 0x71c4);
    while (!(await runUntilCrash(graph, clock, store, world, pick, crash))) trace.add("crash");
  } finally {
    restore();
  }
  const sinks = Object.fromEntries([...contents].map(([name, content]) => [name, content.values()]));
  return { result: { traceHash: trace.digest(), faults: plan.happened, sinks }, occasions: plan.occasions };
}

/** One life of the simulated process. True: the input was completed. */
async function runUntilCrash(
  graph: Graph,
  clock: VirtualClock,
  store: ReturnType<typeof memoryCheckpoints>,
  world: SimulatedWorld,
  pick: () => number,
  crash: { now: () => void },
): Promise<boolean> {
  const before = checkpointFaults(world.plan);
  const run = startRun(
    graph,
    {
      clock,
      random: world.random,
      logger: silent,
      checkpoint: { every: CHECKPOINT_EVERY_MS, timeout: CHECKPOINT_TIMEOUT_MS, store },
    },
    { pick: (count) => Math.floor(pick() * count), awaited: true },
  );
  crash.now = () => run.abort(CRASH);
  let over: "no" | "completed" | { readonly error: unknown } = "no";
  run.done.then(
    () => {
      over = "completed";
    },
    (error) => {
      over = { error };
    },
  );
  const io = new RealIo();
  const unregister = clock.onSettle(() => {
    io.look();
    return false;
  });
  for (;;) {
    await clock.settle();
    if (io.seen !== undefined) run.abort(realIo(io.seen));
    if (over !== "no") break;
    if (clock.nextDue === Number.POSITIVE_INFINITY) {
      run.abort();
      throw new StreamError(
        "E_SIMULATION",
        `the run waits for something outside of the simulation: no timer is set on world.clock and nothing is ready. Real I/O or a worker inside? ${run.health().reasons.join("; ")}`,
      );
    }
    await clock.set(Math.max(clock.now(), clock.nextDue));
  }
  unregister();
  const end = over as "completed" | { readonly error: unknown };
  if (end === "completed") return true;
  if (end.error !== CRASH && !gaveUp(end.error, checkpointFaults(world.plan) - before)) throw end.error;
  return false;
}

function checkpointFaults({ happened }: FaultPlan): number {
  return happened.tornWrite + happened.abandonEpoch;
}

/** Checkpoints that were made to fail several times in a row end a run, as they must. It is started again, as by a supervisor. */
function gaveUp(error: unknown, faults: number): boolean {
  const { code } = error as { readonly code?: unknown };
  return faults > 0 && (code === "E_CHECKPOINT_STORE" || code === "E_CHECKPOINT_STUCK");
}

function realIo(kind: string): StreamError {
  return new StreamError(
    "E_SIMULATION",
    `something in the topology reaches outside of the simulation (${kind}): give it ports in memory, on world.clock and world.random, or replace its sources and lookups`,
  );
}

function simulatedGraph(
  graph: Graph,
  world: SimulatedWorld,
  contents: Map<string, SinkContent>,
  sources: Readonly<Record<string, Iterable<unknown>>>,
): Graph {
  const vertices = graph.vertices.map((vertex): Vertex => {
    if (vertex.type === "source") {
      const replacement = sources[vertex.source.name];
      return {
        ...vertex,
        source: simulatedSource(
          replacement === undefined ? vertex.source : iterableSource(replacement, vertex.source.name),
          world,
        ),
      };
    }
    if (vertex.type !== "sink") return vertex;
    const content = new SinkContent(vertex.sink.writes !== "append");
    contents.set(vertex.id, content);
    return { ...vertex, sink: simulatedSink(vertex.sink, world, (value, id) => content.add(value, id)) };
  });
  return { ...graph, vertices };
}

/** What a sink holds. */
class SinkContent {
  readonly #byId: boolean;
  readonly #values = new Map<string, unknown>();
  #count = 0;

  constructor(byId: boolean) {
    this.#byId = byId;
  }

  add(value: unknown, id: string | undefined): void {
    this.#values.set(this.#byId && id !== undefined ? id : `#${this.#count++}`, value);
  }

  values(): readonly unknown[] {
    return [...this.#values.values()];
  }
}

/** Lets lookups answer from maps; returns what puts the real ones back. */
function replaceLookups(graph: Graph, lookups: Readonly<Record<string, ReadonlyMap<Key, unknown>>>): () => void {
  const undo: (() => void)[] = [];
  for (const vertex of graph.vertices) {
    if (vertex.type !== "operator") continue;
    for (const resource of vertex.spec.resources ?? []) {
      const map = lookups[resource.name];
      if (map === undefined) continue;
      const lookup = resource as Lookup<Key, unknown>;
      const before = Object.getOwnPropertyDescriptors(lookup);
      undo.push(() => Object.defineProperties(lookup, before));
      Object.defineProperties(lookup, {
        fetch: {
          configurable: true,
          value: async (keys: readonly Key[]) =>
            new Map(keys.filter((key) => map.has(key)).map((key) => [key, map.get(key)])),
        },
        connect: { configurable: true, value: undefined },
        changes: { configurable: true, value: undefined },
        close: { configurable: true, value: undefined },
      });
    }
  }
  return () => {
    for (const put of undo) put();
  };
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
