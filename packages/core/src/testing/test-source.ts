import type {
  AssignmentListener,
  PoisonValue,
  Position,
  Source,
  SourceBatch,
  SourceConnection,
  SourceReader,
} from "../connector.js";
import { requireArgument, StreamError } from "../errors.js";
import { Wakeup } from "../io/wakeup.js";

/** Options of {@link testSource}. */
export interface TestSourceOptions {
  /** "test" by default. */
  readonly name?: string;
  /** ["0"] by default. */
  readonly partitions?: readonly string[];
  /** A reader that ends completes the input: true by default. */
  readonly bounded?: boolean;
  readonly partitioned?: boolean;
  /** Whether the source has commit() and committed(): false by default. */
  readonly commits?: boolean;
  /** Values a read() gives at most: 256. */
  readonly batchSize?: number;
}

/** Where a scripted value lies. */
export interface TestPlace {
  /** The first partition by default. */
  readonly partition?: string;
  /** The event time that `eventTime("source")` reads. */
  readonly time?: number;
  /** The value's number in its partition by default. */
  readonly offset?: string | number | bigint;
}

/** A source that follows a script, and remembers what was asked of it. */
export interface TestSource<T> extends Source<T> {
  /** Adds a value behind those there are. */
  push(value: T, at?: TestPlace): void;
  /** Adds something that could not be decoded. */
  poison(raw: Uint8Array, at?: Omit<TestPlace, "time">): void;
  /** Lets a reader (of every partition, without one) say once, behind all its values, that it has caught up. */
  caughtUp(partition?: string): void;
  /** Ends a partition (all, without one) behind its values. */
  end(partition?: string): void;
  /** Makes the next read() of a partition (of each, without one) fail; the read() after it goes on as if nothing had been. */
  fail(error: unknown, partition?: string): void;
  /** Makes the next commit() fail. */
  failCommit(error: unknown): void;
  /** Takes partitions away from the running connection, as a rebalance does; resolves when `lost` has. */
  lose(...partitions: string[]): Promise<void>;
  /** Gives partitions to the running connection, as a rebalance does; resolves when `assigned` has. */
  assign(...partitions: string[]): Promise<void>;
  /** Committed positions by partition. They outlive a run. */
  readonly committedPositions: ReadonlyMap<string, Position>;
  /** All commits, in order. */
  readonly commits: readonly { readonly positions: ReadonlyMap<string, Position>; readonly generation: number }[];
  /** All readers that were opened, in order. */
  readonly opened: readonly { readonly partition: string; readonly position: Position | undefined }[];
  /** How often it was connected, closed, and how many readers are open now. */
  readonly counts: { readonly connects: number; readonly closes: number; readonly openReaders: number };
}

type Scripted<T> = { readonly time: number | undefined } & ({ readonly value: T } | { readonly raw: Uint8Array });
type Entry<T> = Scripted<T> & { readonly offset: string | number | bigint };

/** One partition's script. It outlives connections, so that a resumed run reads the same values. */
class TestPartition<T> {
  readonly entries: Entry<T>[] = [];
  readonly failures: unknown[] = [];
  readonly readers = new Set<TestReader<T>>();
  ended = false;
  /** How often caughtUp() was called; each reader says so at most as often. */
  caughtUps = 0;

  add(entry: Scripted<T> & { readonly offset: string | number | bigint | undefined }): void {
    this.entries.push({ ...entry, offset: entry.offset ?? this.entries.length });
    this.wake();
  }

  wake(): void {
    for (const reader of this.readers) reader.wake();
  }
}

class TestReader<T> implements SourceReader<T> {
  readonly #partition: TestPartition<T>;
  readonly #batchSize: number;
  readonly #wakeup = new Wakeup();
  #next: number;
  #saidCaughtUp = 0;
  #closed = false;

  constructor(partition: TestPartition<T>, next: number, batchSize: number) {
    this.#partition = partition;
    this.#next = next;
    this.#batchSize = batchSize;
    partition.readers.add(this);
  }

  wake(): void {
    this.#wakeup.wake();
  }

  async read(): Promise<SourceBatch<T> | undefined> {
    const { entries, failures } = this.#partition;
    while (!this.#closed) {
      if (failures.length > 0) throw failures.shift();
      if (this.#next < entries.length) return this.#take();
      if (this.#saidCaughtUp < this.#partition.caughtUps) {
        this.#saidCaughtUp = this.#partition.caughtUps;
        return { values: [], position: String(this.#next), caughtUp: true };
      }
      if (this.#partition.ended) return undefined;
      await this.#wakeup.wait();
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#partition.readers.delete(this);
    this.wake();
  }

  #take(): SourceBatch<T> {
    const taken = this.#partition.entries.slice(this.#next, this.#next + this.#batchSize);
    this.#next += taken.length;
    const sound = taken.filter((entry) => "value" in entry);
    const poison = taken
      .filter((entry) => "raw" in entry)
      .map(
        ({ offset, raw }): PoisonValue => ({ offset, raw, error: { code: "E_DECODE", message: "scripted as poison" } }),
      );
    return {
      values: sound.map(({ value }) => value),
      offsets: sound.map(({ offset }) => offset),
      position: String(this.#next),
      ...(sound.some(({ time }) => time !== undefined) ? { times: sound.map(({ time }) => time ?? Number.NaN) } : {}),
      ...(poison.length === 0 ? {} : { poison }),
    };
  }
}

/**
 * A source for tests, which gives what it is told to. Its values stay: a reader opened at a position gives all behind it again. A
 * position is the number of values read. Without `end()` it waits for more.
 *
 * Throws `E_ARGUMENT` for a partition it does not have.
 *
 * @example
 * ```ts
 * import { testSource } from "@millrace/core/testing";
 * const source = testSource<number>({ partitions: ["a", "b"] });
 * source.push(1, { partition: "b", time: 1_000 });
 * source.end();
 * ```
 */
export function testSource<T>(options: TestSourceOptions = {}): TestSource<T> {
  const { name = "test", partitions = ["0"], batchSize = 256 } = options;
  requireArgument(partitions.length > 0, `testSource "${name}": partitions must not be empty`);
  requireArgument(
    Number.isInteger(batchSize) && batchSize >= 1,
    `testSource "${name}": batchSize must be a whole number from 1; it is ${batchSize}`,
  );
  return new ScriptedSource<T>(name, partitions, batchSize, options);
}

class ScriptedSource<T> implements TestSource<T> {
  readonly name: string;
  readonly bounded: boolean;
  readonly partitioned: boolean;
  readonly committedPositions = new Map<string, Position>();
  readonly commits: { readonly positions: ReadonlyMap<string, Position>; readonly generation: number }[] = [];
  readonly opened: { readonly partition: string; readonly position: Position | undefined }[] = [];
  readonly #partitions: ReadonlyMap<string, TestPartition<T>>;
  readonly #batchSize: number;
  readonly #keepsCommits: boolean;
  readonly #commitFailures: unknown[] = [];
  #listener: AssignmentListener | undefined;
  #generation = 0;
  #connects = 0;
  #closes = 0;

  constructor(
    name: string,
    partitions: readonly string[],
    batchSize: number,
    { bounded = true, partitioned = false, commits = false }: TestSourceOptions,
  ) {
    this.name = name;
    this.bounded = bounded;
    this.partitioned = partitioned;
    this.#partitions = new Map(partitions.map((id) => [id, new TestPartition<T>()]));
    this.#batchSize = batchSize;
    this.#keepsCommits = commits;
  }

  get counts(): { readonly connects: number; readonly closes: number; readonly openReaders: number } {
    const openReaders = this.#all().reduce((sum, { readers }) => sum + readers.size, 0);
    return { connects: this.#connects, closes: this.#closes, openReaders };
  }

  push(value: T, { partition, time, offset }: TestPlace = {}): void {
    this.#partition(partition).add({ offset, time, value });
  }

  poison(raw: Uint8Array, { partition, offset }: Omit<TestPlace, "time"> = {}): void {
    this.#partition(partition).add({ offset, time: undefined, raw });
  }

  caughtUp(partition?: string): void {
    for (const each of this.#all(partition)) {
      each.caughtUps++;
      each.wake();
    }
  }

  end(partition?: string): void {
    for (const each of this.#all(partition)) {
      each.ended = true;
      each.wake();
    }
  }

  fail(error: unknown, partition?: string): void {
    for (const each of this.#all(partition)) {
      each.failures.push(error);
      each.wake();
    }
  }

  failCommit(error: unknown): void {
    this.#commitFailures.push(error);
  }

  async lose(...partitions: string[]): Promise<void> {
    await this.#requireListener().lost(partitions, this.#generation);
  }

  async assign(...partitions: string[]): Promise<void> {
    await this.#requireListener().assigned(partitions, ++this.#generation);
  }

  async connect(): Promise<SourceConnection<T>> {
    this.#connects++;
    let closed = false;
    const readers = new Set<TestReader<T>>();
    return {
      subscribe: async (listener) => {
        this.#listener = listener;
        await listener.assigned([...this.#partitions.keys()], ++this.#generation);
      },
      open: async (partition, position) => {
        this.opened.push({ partition, position });
        const reader = new TestReader(
          this.#partition(partition),
          position === undefined ? 0 : Number(position),
          this.#batchSize,
        );
        readers.add(reader);
        return reader;
      },
      comparePositions: (left, right) => Number(left) - Number(right),
      ...(this.#keepsCommits
        ? {
            committed: async (partition) => this.committedPositions.get(partition),
            commit: (positions, generation) => this.#commit(positions, generation),
          }
        : {}),
      close: async () => {
        if (closed) return;
        closed = true;
        this.#closes++;
        this.#listener = undefined;
        await Promise.all(Array.from(readers, (reader) => reader.close()));
      },
    } satisfies SourceConnection<T>;
  }

  async #commit(positions: ReadonlyMap<string, Position>, generation: number): Promise<void> {
    if (this.#commitFailures.length > 0) throw this.#commitFailures.shift();
    if (generation < this.#generation)
      throw new StreamError(
        "E_FENCED",
        `source "${this.name}": generation ${generation} is over, the partitions were assigned again since`,
      );
    this.commits.push({ positions: new Map(positions), generation });
    for (const [partition, position] of positions) this.committedPositions.set(partition, position);
  }

  #requireListener(): AssignmentListener {
    requireArgument(this.#listener, `testSource "${this.name}" is not subscribed to`);
    return this.#listener;
  }

  #partition(id: string = this.#partitions.keys().next().value as string): TestPartition<T> {
    const partition = this.#partitions.get(id);
    requireArgument(
      partition,
      `testSource "${this.name}" has no partition ${JSON.stringify(id)}, only ${[...this.#partitions.keys()].join(", ")}`,
    );
    return partition;
  }

  #all(id?: string): readonly TestPartition<T>[] {
    return id === undefined ? [...this.#partitions.values()] : [this.#partition(id)];
  }
}
