import {
  messageOf,
  type SinkWriter,
  untilAborted,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "@millrace/core";
import type { LimitFunction } from "p-limit";
import type { CallOptions, CqlSession, Row } from "./cql-session.js";
import { keyOf, PartitionRows } from "./partition-rows.js";
import type { BoundRow, RowStatements } from "./row-statements.js";
import { classify } from "./scylla-errors.js";
import { checkedVersion, type GrowingTime, positionVersion, type VersionContext } from "./write-version.js";

/** A sink's options with every default filled in. */
export interface SinkPlan<T> {
  readonly row: (value: T) => Row;
  readonly remove: ((value: T) => boolean) | undefined;
  readonly version: "position" | ((value: T, context: VersionContext) => number | bigint) | undefined;
  readonly ttlSeconds: ((value: T) => number | undefined) | undefined;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly call: CallOptions;
}

/** Writes rows in requests of one partition each, and tells what became of every value. */
export class TableWriter<T> implements SinkWriter<T> {
  readonly #session: CqlSession;
  readonly #statements: RowStatements;
  readonly #plan: SinkPlan<T>;
  readonly #time: GrowingTime;
  readonly #limit: LimitFunction;

  constructor(
    session: CqlSession,
    statements: RowStatements,
    plan: SinkPlan<T>,
    time: GrowingTime,
    limit: LimitFunction,
  ) {
    this.#session = session;
    this.#statements = statements;
    this.#plan = plan;
    this.#time = time;
    this.#limit = limit;
  }

  async write(values: readonly T[], context: WriteContext): Promise<readonly WriteOutcome[]> {
    const { signal } = context;
    if (signal.aborted) throw aborted();
    const outcomes = new Array<WriteOutcome>(values.length).fill("written");
    const { call, version } = this.#plan;
    const own = version === undefined ? { ...call, timestamp: this.#time.next() } : call;
    const lanes = this.#lanes(values, context, outcomes);
    await untilAborted(
      Promise.all(lanes.map((requests) => this.#limit(() => this.#sendInTurn(requests, own, outcomes, signal)))),
      signal,
      aborted,
    );
    return outcomes;
  }

  async close(): Promise<void> {}

  /** The requests, in lanes that do not touch each other. */
  #lanes(values: readonly T[], context: WriteContext, outcomes: WriteOutcome[]): BoundRow[][][] {
    const statements = this.#statements;
    const { version, maxRows, maxBytes } = this.#plan;
    const partitions = new Map<string, PartitionRows>();
    for (let place = 0; place < values.length; place++) {
      const bound = this.#bind(values[place] as T, place, outcomes);
      if (bound === undefined) continue;
      const key = keyOf(bound.params, 0, statements.partitionColumns);
      let partition = partitions.get(key);
      if (partition === undefined) {
        partition = new PartitionRows(statements);
        partitions.set(key, partition);
      }
      if (version !== undefined) {
        const stamp = this.#version(values[place] as T, place, context, outcomes);
        if (stamp === undefined) continue;
        statements.stamp(bound, stamp);
      } else if (partition.repeats(bound)) statements.stamp(bound, this.#time.next());
      partition.rows.push(bound);
    }
    const lanes = [...partitions.values()].map(({ rows }) => cut(rows, maxRows, maxBytes));
    // With versions no request is before another; without, a later one must not overtake one that is tried again.
    return version === undefined ? lanes : lanes.flatMap((requests) => requests.map((one) => [one]));
  }

  #bind(value: T, place: number, outcomes: WriteOutcome[]): BoundRow | undefined {
    const { row: rowOf, remove, ttlSeconds } = this.#plan;
    try {
      const row = rowOf(value);
      if (typeof row !== "object" || row === null)
        throw new WriteError("poison", "E_SCYLLA_ROW", `row() must give an object; it gave ${String(row)}`);
      const ttl = ttlSeconds?.(value);
      return remove?.(value) === true ? this.#statements.remove(row, place) : this.#statements.insert(row, place, ttl);
    } catch (error) {
      outcomes[place] = refusal(error);
      return undefined;
    }
  }

  /** By which the server tells the newer write of a row. */
  #version(value: T, place: number, { origins, times }: WriteContext, outcomes: WriteOutcome[]): bigint | undefined {
    const { version } = this.#plan;
    const origin = origins[place];
    try {
      return typeof version === "function"
        ? checkedVersion(version(value, { time: times[place], origin }))
        : positionVersion(origin);
    } catch (error) {
      outcomes[place] = refusal(error);
      return undefined;
    }
  }

  async #sendInTurn(
    requests: readonly (readonly BoundRow[])[],
    call: CallOptions,
    outcomes: WriteOutcome[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const [i, rows] of requests.entries()) {
      if (signal.aborted) return;
      if (await this.#send(rows, call, outcomes, signal)) continue;
      const failed = toTryAgain(rows, outcomes);
      if (failed === undefined) continue;
      // What is tried again is written later than what follows here, and would replace it.
      for (const later of requests.slice(i + 1)) for (const { place } of later) outcomes[place] = failed;
      return;
    }
  }

  /** True where all are written. Halves what the server refuses, down to the row at fault. A refused batch has changed nothing. */
  async #send(
    rows: readonly BoundRow[],
    call: CallOptions,
    outcomes: WriteOutcome[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const [first] = rows;
    if (first === undefined) return true;
    try {
      if (rows.length === 1) await this.#session.execute(first, call);
      else await this.#session.batch(rows, call);
      return true;
    } catch (error) {
      const failure = classify(error, "write");
      if (failure.class === "poison" && rows.length > 1) {
        const middle = rows.length >> 1;
        await this.#sendInTurn([rows.slice(0, middle), rows.slice(middle)], call, outcomes, signal);
        return false;
      }
      for (const { row, place } of rows)
        outcomes[place] = {
          class: failure.class,
          code: failure.code,
          message: `${this.#statements.name(row)}: ${failure.message}`,
        };
      return false;
    }
  }
}

/** Why a row of these is not written yet and may be, if there is one. */
function toTryAgain(rows: readonly BoundRow[], outcomes: readonly WriteOutcome[]): WriteOutcome | undefined {
  for (const { place } of rows) {
    const outcome = outcomes[place];
    if (outcome !== undefined && outcome !== "written" && outcome.class !== "poison") return outcome;
  }
  return undefined;
}

/** A value that can not be sent at all. */
function refusal(error: unknown): WriteOutcome {
  return error instanceof WriteError
    ? { class: error.class, code: error.code, message: error.message }
    : { class: "poison", code: "E_SCYLLA_ROW", message: messageOf(error) };
}

/** Cuts the rows of a partition into requests, in order. */
function cut(rows: readonly BoundRow[], maxRows: number, maxBytes: number): BoundRow[][] {
  const requests: BoundRow[][] = [];
  let current: BoundRow[] = [];
  let bytes = 0;
  for (const placed of rows) {
    if (current.length > 0 && (current.length >= maxRows || bytes + placed.bytes > maxBytes)) {
      requests.push(current);
      current = [];
      bytes = 0;
    }
    current.push(placed);
    bytes += placed.bytes;
  }
  if (current.length > 0) requests.push(current);
  return requests;
}

function aborted(): WriteError {
  return new WriteError("fatal", "E_SCYLLA_ABORTED", "the run is over: nothing more is written");
}
