import { requireArgument, StreamError } from "../errors.js";
import { Batch, type Emit, MAX_BATCH, type OperatorSpec, type StageContext } from "../stage.js";
import { type Codec, jsonCodec } from "../state/codec.js";
import { KeyedState } from "../state/keyed-state.js";
import { mapValues } from "./guard.js";
import { HeldBatches, type SavedBatch } from "./held-batches.js";
import { KeyedStage } from "./keyed-stage.js";

/** Rows of the n-th values of all inputs; ends with the shortest. It has no name, so under a checkpoint `zipWith` is to be used. */
export function zip(inputs: number): OperatorSpec {
  return { ...zipWith(inputs, (...values) => values, {}), kind: "zip" };
}

/**
 * The n-th values of all inputs as one, with the largest of their times. Ends with the shortest input, or where `fill` is given with
 * the longest: `fill` stands for what is missing. Throws `E_ARGUMENT` for less than two inputs.
 */
export function zipWith(
  inputs: number,
  fn: (...values: never[]) => unknown,
  options: { readonly name?: string; readonly fill?: readonly unknown[] },
): OperatorSpec {
  requireArgument(inputs >= 2, `zip needs at least one other stream; it has ${inputs - 1}`);
  const { name, fill } = options;
  requireArgument(
    fill === undefined || fill.length === inputs,
    `zipWith(): fill must have one value for each of the ${inputs} inputs; it has ${fill?.length}`,
  );
  return {
    kind: "zipWith",
    name,
    origins: "none",
    holdsState: true,
    global: true,
    make: (context) => new ZipStage(context, inputs, fn as (...values: unknown[]) => unknown, name, fill),
  };
}

/** So many values of an input wait for the others before no more are taken from it. */
const MAX_HELD = MAX_BATCH;
/** More come in only so that a barrier can be reached. When that goes on, the other input brings nothing. */
const MAX_WAITING = 100_000;

class ZipStage extends KeyedStage<HeldBatches> {
  readonly #fn: (...values: unknown[]) => unknown;
  readonly #fill: readonly unknown[] | undefined;
  readonly #lanes: HeldBatches[];
  readonly #ended: boolean[];

  constructor(
    context: StageContext,
    inputs: number,
    fn: (...values: unknown[]) => unknown,
    name: string | undefined,
    fill: readonly unknown[] | undefined,
  ) {
    const where = name ?? context.operator;
    super(context, new KeyedState<HeldBatches>({ where, named: name !== undefined, codec: lanesCodec(where) }), false);
    this.#fn = fn;
    this.#fill = fill;
    this.#lanes = Array.from({ length: inputs }, () => new HeldBatches());
    this.#ended = this.#lanes.map(() => false);
  }

  override restore(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    super.restore(entries);
    for (const [input, { state }] of this.state.cells()) this.#lanes[input as number] = state;
  }

  onBatch(batch: Batch, emit: Emit, input: number): void {
    this.#lane(input).push(batch);
    this.#pair(emit);
    if (this.#lane(input).size > MAX_WAITING) throw this.#tooMany();
    this.#save();
    this.#endWithShortest();
  }

  onInputEnd(input: number, emit: Emit): void {
    this.#ended[input] = true;
    this.#pair(emit);
    this.#save();
    this.#endWithShortest();
  }

  onEnd(emit: Emit): void {
    this.#ended.fill(true);
    this.#pair(emit);
  }

  full(input: number): boolean {
    return this.#lane(input).size >= MAX_HELD;
  }

  held(): number {
    return this.#lanes.reduce((sum, { size }) => sum + size, 0);
  }

  waiting(): string | undefined {
    const longest = this.#lanes.findIndex(({ size }) => size > 0);
    const behind = this.#lanes.findIndex(({ empty }, input) => empty && !this.#ended[input]);
    return longest < 0 || behind < 0
      ? undefined
      : `${this.#lane(longest).size} values of input ${longest} wait for input ${behind}`;
  }

  override read(): unknown {
    return this.#lanes.map(({ size }) => size);
  }

  #tooMany(): StreamError {
    const { operator } = this.context;
    return new StreamError(
      "E_STATE_LIMIT",
      `"${operator}" holds more than ${MAX_WAITING} values: ${this.waiting()}. One of its inputs brings far less than the other, such as a branch that drops values`,
      { operator },
    );
  }

  #lane(input: number): HeldBatches {
    return this.#lanes[input] as HeldBatches;
  }

  /** Emits rows while there are any. */
  #pair(emit: Emit): void {
    for (let rows = this.#rows(); rows > 0; rows = this.#rows()) {
      const columns = this.#lanes.map((lane) => (lane.empty ? undefined : takeAll(lane, rows)));
      const batch = mapValues(this.context, this.#rowsOf(columns, rows), (row) => this.#fn(...row));
      if (batch.values.length > 0 && !emit(batch)) break;
    }
    this.context.wake();
  }

  #endWithShortest(): void {
    if (this.#fill === undefined && this.#lanes.some(({ empty }, input) => empty && this.#ended[input]))
      this.context.end();
  }

  /** How many rows are there now. An input that is over counts as endless where it is filled up. */
  #rows(): number {
    let rows = Number.POSITIVE_INFINITY;
    for (const [input, lane] of this.#lanes.entries()) {
      const over = lane.empty && this.#ended[input] === true && this.#fill !== undefined;
      if (!over) rows = Math.min(rows, lane.size);
    }
    return rows === Number.POSITIVE_INFINITY ? 0 : Math.min(rows, MAX_BATCH);
  }

  #rowsOf(columns: readonly (Column | undefined)[], count: number): Batch<readonly unknown[]> {
    const rows: unknown[][] = [];
    const times: number[] = [];
    const marks: number[] = [];
    for (let row = 0; row < count; row++) {
      rows.push(columns.map((column, input) => (column === undefined ? this.#fill?.[input] : column.values[row])));
      const latest = latestOf(columns, row);
      if (latest === undefined) continue;
      times.push((latest.times as readonly number[])[row] as number);
      marks.push(latest.marks?.[row] ?? Number.NaN);
    }
    const timed = times.length === count;
    return new Batch(
      rows,
      timed ? times : null,
      null,
      null,
      timed && columns.some((column) => column?.marks != null) ? marks : null,
      undefined,
    );
  }

  /** Notes what is held now; a lane that is empty is no entry. */
  #save(): void {
    for (const [input, lane] of this.#lanes.entries()) {
      if (lane.empty) this.state.delete(input);
      else this.state.write(input, this.state.find(input, Number.NaN), lane, Number.NaN);
    }
  }
}

interface Column {
  readonly values: readonly unknown[];
  readonly times: readonly number[] | null;
  readonly marks: readonly number[] | null;
}

/** So many values of a lane, across the batches they came in. */
function takeAll(lane: HeldBatches, count: number): Column {
  const first = lane.take(count) as Batch;
  if (first.values.length === count) return first;
  const values = [...first.values];
  const times = first.times === null ? null : [...first.times];
  const marks = first.marks === null ? null : [...first.marks];
  while (values.length < count) {
    const batch = lane.take(count - values.length) as Batch;
    values.push(...batch.values);
    if (batch.times !== null) times?.push(...batch.times);
    if (batch.marks !== null) marks?.push(...batch.marks);
  }
  return { values, times, marks };
}

/** The column whose value of this row has the largest time. */
function latestOf(columns: readonly (Column | undefined)[], row: number): Column | undefined {
  let latest: Column | undefined;
  for (const column of columns) {
    const time = column?.times?.[row];
    if (time !== undefined && (latest === undefined || time > ((latest.times as readonly number[])[row] as number)))
      latest = column;
  }
  return latest;
}

function lanesCodec(where: string): Codec<HeldBatches> {
  const json = jsonCodec<readonly SavedBatch[]>(where);
  return {
    version: 1,
    encode: (lane) => json.encode(lane.save()),
    decode: (bytes, version) => new HeldBatches(json.decode(bytes, version)),
  };
}
