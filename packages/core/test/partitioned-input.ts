import fc from "fast-check";
import type { Key } from "../src/element.js";
import type { OperatorSpec } from "../src/stage.js";
import { batchOf, type Out, StageHarness } from "./stage-harness.js";

/** A value of an input, with what the engine knows of it. */
export interface Timed {
  /** Unique: tells values apart that are otherwise equal. */
  readonly id: number;
  readonly key: Key;
  readonly time: number;
  readonly partition: number;
  /** The watermark of its partition just before it. */
  readonly before: number;
  readonly side: 0 | 1;
}

/** Partitions with their values in order, and the bound of disorder that is expected. */
export interface PartitionedInput {
  readonly bound: number;
  readonly partitions: readonly (readonly Timed[])[];
}

/** What happens: some values of a partition come as one batch; a checkpoint is taken; all since the last one is lost and comes again. */
export type Step =
  | { readonly op: "read"; readonly partition: number; readonly count: number }
  | { readonly op: "restart" | "checkpoint" | "abandon" | "crash" };

/** A partition's watermark after its first `count` values. */
export function watermarkAfter({ bound, partitions }: PartitionedInput, partition: number, count: number): number {
  const times = (partitions[partition] as readonly Timed[]).slice(0, count).map(({ time }) => time);
  return times.length === 0 ? Number.NEGATIVE_INFINITY : Math.max(...times) - bound - 1;
}

/** Inputs of one to three partitions. `ownKeys`: a key's values come from one partition. */
export function partitionedInput(
  options: { readonly ownKeys?: boolean; readonly sides?: boolean } = {},
): fc.Arbitrary<PartitionedInput> {
  const value = fc.record({
    time: fc.integer({ min: -25, max: 40 }),
    key: fc.constantFrom("a", "b"),
    side: fc.constantFrom<0 | 1>(0, 1),
  });
  const partitions = fc.array(fc.array(value, { minLength: 1, maxLength: 14 }), { minLength: 1, maxLength: 3 });
  return fc.record({ bound: fc.integer({ min: 0, max: 8 }), partitions }).map(({ bound, partitions: drawn }) => {
    let id = 0;
    return {
      bound,
      partitions: drawn.map((values, partition) => {
        let latest = Number.NEGATIVE_INFINITY;
        // A join's side is a source of its own: all values of a partition are of one side.
        const side = options.sides === true ? (drawn[partition]?.[0]?.side ?? 0) : 0;
        return values.map(({ time, key }): Timed => {
          const before = latest - bound - 1;
          latest = Math.max(latest, time);
          return {
            id: id++,
            key: options.ownKeys === true ? `${key}${partition}` : key,
            time,
            partition,
            before,
            side,
          };
        });
      }),
    };
  });
}

/** Any order of reading, any cut into batches, with checkpoints and crashes in between. */
export function steps(options: { readonly crashes?: boolean } = {}): fc.Arbitrary<readonly Step[]> {
  const read = fc.record({
    op: fc.constant("read" as const),
    partition: fc.integer({ min: 0, max: 2 }),
    count: fc.constantFrom(1, 1, 2, 3, 7, 1_024),
  });
  const other = fc.record({
    op:
      options.crashes === false
        ? fc.constantFrom("restart" as const, "checkpoint" as const, "abandon" as const)
        : fc.constantFrom("restart" as const, "checkpoint" as const, "abandon" as const, "crash" as const),
  });
  return fc.array(fc.oneof({ weight: 4, arbitrary: read }, { weight: 1, arbitrary: other }), { maxLength: 30 });
}

/** Every value alone, the partitions one after another, and nothing happens. */
export function oneByOne({ partitions }: PartitionedInput): Step[] {
  return partitions.flatMap((values, partition) => values.map((): Step => ({ op: "read", partition, count: 1 })));
}

/** Runs a stage below an event-time operator over the input; what is left of it comes in whole partitions, and then the end. */
export class InputRun {
  readonly harness: StageHarness;
  readonly outs: Out[] = [];
  /** The watermark passed on when an output came, output by output. */
  readonly watermarksOut: number[] = [];
  /** The order in which values came for good. */
  arrived: Timed[] = [];
  readonly #input: PartitionedInput;
  #read: number[];
  #saved: { read: number[]; arrived: Timed[] };

  constructor(operator: OperatorSpec, input: PartitionedInput, plan: readonly Step[]) {
    this.#input = input;
    this.harness = new StageHarness(operator);
    this.#read = input.partitions.map(() => 0);
    this.#saved = { read: [...this.#read], arrived: [] };
    for (const step of plan) this.#run(step);
    for (const [partition] of input.partitions.entries()) this.#run({ op: "read", partition, count: 1_024 });
    this.harness.end();
    this.#collect();
  }

  #run(step: Step): void {
    if (step.op === "read") {
      this.#deliver(step.partition, step.count);
    } else if (step.op === "crash") {
      this.harness.crash();
      this.#read = [...this.#saved.read];
      this.arrived = [...this.#saved.arrived];
      this.#move();
    } else {
      this.harness.checkpoint(step.op !== "abandon");
      if (step.op !== "abandon") this.#saved = { read: [...this.#read], arrived: [...this.arrived] };
      if (step.op === "restart") this.#run({ op: "crash" });
    }
  }

  #deliver(partition: number, count: number): void {
    const from = this.#read[partition];
    if (from === undefined) return;
    const values = (this.#input.partitions[partition] as readonly Timed[]).slice(from, from + count);
    if (values.length === 0) return;
    this.#read[partition] = from + values.length;
    this.arrived.push(...values);
    const rows = values.map((value) => ({
      value,
      key: value.key,
      time: value.time,
      mark: value.time <= value.before + 1 ? value.before : Number.NaN,
      origin: { source: "s", partition: String(partition), offset: value.id, index: "" },
    }));
    this.harness.sendBatch(batchOf(rows, String(partition)), values[0]?.side ?? 0);
    this.#collect();
    this.#move();
  }

  #move(): void {
    const watermark = Math.min(...this.#read.map((count, partition) => watermarkAfter(this.#input, partition, count)));
    if (watermark === Number.NEGATIVE_INFINITY) return;
    // What fires leaves before the watermark that fires it.
    this.harness.watermark(watermark);
    this.#collect();
    this.#out = this.harness.watermarkOut;
  }

  #out = Number.NEGATIVE_INFINITY;

  #collect(): void {
    for (const out of this.harness.drain()) {
      if (!("output" in out)) throw new Error("a signal came out");
      this.outs.push(out);
      this.watermarksOut.push(this.#out);
    }
  }
}
