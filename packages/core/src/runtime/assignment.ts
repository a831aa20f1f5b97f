import type { AssignmentListener } from "../connector.js";
import { StreamError } from "../errors.js";

/** A task that should run: its name, and its partitions by source id. */
export interface TaskRequest {
  readonly name: string;
  readonly partitions: ReadonlyMap<string, readonly string[]>;
}

export interface TaskControl {
  start(request: TaskRequest): Promise<void>;
  stop(name: string): Promise<void>;
  /** How many partitions a source has in all, where it says so. */
  partitionCount(source: string): number | undefined;
  /** Whoever told of the change may not look at what became of it. */
  failed(error: unknown): void;
}

interface Assigned {
  readonly partitions: Set<string>;
  generation: number;
}

/** Turns what the sources say they are assigned into tasks: one over everything, or one for each partition that all sources have. */
export class Assignment {
  readonly #mode: "one" | "per-partition";
  readonly #topology: string;
  readonly #sources: readonly string[];
  readonly #control: TaskControl;
  readonly #assigned = new Map<string, Assigned>();
  readonly #running = new Map<string, TaskRequest>();
  readonly #finished = new Set<string>();
  /** Tasks whose partitions are being taken away. */
  readonly #moving = new Set<string>();
  #turn: Promise<void> = Promise.resolve();

  constructor(mode: "one" | "per-partition", topology: string, sources: readonly string[], control: TaskControl) {
    this.#mode = mode;
    this.#topology = topology;
    this.#sources = sources;
    this.#control = control;
  }

  /** Its partitions are being taken away: when it stops now it has not finished. */
  isMoving(name: string): boolean {
    return this.#moving.has(name);
  }

  get allFinished(): boolean {
    return this.#running.size > 0 && [...this.#running.keys()].every((name) => this.#finished.has(name));
  }

  finished(name: string): void {
    this.#finished.add(name);
  }

  count(source: string): number {
    return this.#assigned.get(source)?.partitions.size ?? 0;
  }

  generation(source: string): number {
    return this.#assigned.get(source)?.generation ?? 0;
  }

  /** Resolves when all that was assigned until now is running. */
  settled(): Promise<void> {
    return this.#turn;
  }

  listener(source: string): AssignmentListener {
    return {
      assigned: (partitions, generation) => this.#inTurn(() => this.#onAssigned(source, partitions, generation)),
      lost: (partitions, generation) => this.#inTurn(() => this.#onLost(source, partitions, generation)),
      failed: (error) => this.#control.failed(error),
    };
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch((error) => this.#control.failed(error));
    return turn;
  }

  async #onAssigned(source: string, partitions: readonly string[], generation: number): Promise<void> {
    const known = this.#assigned.get(source) ?? { partitions: new Set<string>(), generation };
    known.generation = generation;
    for (const partition of partitions) known.partitions.add(partition);
    this.#assigned.set(source, known);
    if (this.#sources.some((id) => !this.#assigned.has(id))) return;
    const wanted = this.#wanted().filter((request) => {
      const running = this.#running.get(request.name);
      return running === undefined || !same(running, request);
    });
    for (const { name } of wanted) if (this.#running.has(name)) await this.#end(name);
    // All at once: one that finishes early must not look like the last of all.
    for (const request of wanted) this.#running.set(request.name, request);
    for (const request of wanted) await this.#control.start(request);
  }

  async #onLost(source: string, partitions: readonly string[], generation: number): Promise<void> {
    const known = this.#assigned.get(source);
    if (known === undefined) return;
    for (const [name, request] of [...this.#running])
      if (request.partitions.get(source)?.some((partition) => partitions.includes(partition)) === true)
        await this.#end(name);
    known.generation = generation;
    for (const partition of partitions) known.partitions.delete(partition);
  }

  async #end(name: string): Promise<void> {
    this.#moving.add(name);
    try {
      await this.#control.stop(name);
    } finally {
      this.#moving.delete(name);
      this.#running.delete(name);
      this.#finished.delete(name);
    }
  }

  #wanted(): TaskRequest[] {
    if (this.#sources.some((id) => this.count(id) === 0)) return [];
    if (this.#mode === "one")
      return [
        {
          name: this.#topology,
          partitions: new Map(this.#sources.map((id) => [id, [...(this.#assigned.get(id)?.partitions ?? [])]])),
        },
      ];
    this.#requireEqualCounts();
    const [first, ...others] = this.#sources.map((id) => [...(this.#assigned.get(id)?.partitions ?? [])]);
    // A partition that one source has brought and another not yet waits for it.
    const shared = (first ?? []).filter((partition) => others.every((other) => other.includes(partition)));
    return shared.map((partition) => ({
      name: partitionTask(this.#topology, partition),
      partitions: new Map(this.#sources.map((id) => [id, [partition]])),
    }));
  }

  #requireEqualCounts(): void {
    const [first, ...others] = this.#sources.map((id) => ({
      id,
      count: this.#control.partitionCount(id) ?? this.count(id),
    }));
    const other = others.find(({ count }) => count !== first?.count);
    if (first === undefined || other === undefined) return;
    throw new StreamError(
      "E_PARTITION_COUNTS",
      `a task a partition needs the same partitions of every source, but "${first.id}" has ${first.count} and "${other.id}" has ${other.count}: give the topics equal partition counts, or leave out partitioned: true`,
    );
  }
}

/** The name of the task of one partition. */
export function partitionTask(topology: string, partition: string): string {
  return `${topology}/${partition}`;
}

function same(left: TaskRequest, right: TaskRequest): boolean {
  for (const [source, partitions] of right.partitions) {
    const other = left.partitions.get(source);
    if (
      other === undefined ||
      other.length !== partitions.length ||
      partitions.some((partition) => !other.includes(partition))
    )
      return false;
  }
  return true;
}
