import { type Health, requireArgument, WriteError } from "@millrace/core";
import {
  type BoundCondition,
  ConditionalStatements,
  type ConditionalWrite,
  type InsertIfNotExists,
  type UpdateIf,
} from "./conditional-statements.js";
import { type Consistency, consistencyOf, type SerialConsistency, serialConsistencyOf } from "./consistency.js";
import type { BoundStatement, CallOptions, CqlSession, Row } from "./cql-session.js";
import { openSession } from "./driver-session.js";
import { type World, worldOf } from "./outside-world.js";
import type { ScyllaConnection } from "./scylla-connection.js";
import { classify } from "./scylla-errors.js";
import { checkTableName, requireTable } from "./table-shape.js";

/** Options of {@link scyllaConditional}. */
export interface ScyllaConditionalOptions extends ScyllaConnection {
  readonly keyspace: string;
  readonly table: string;
  /** The column, of type text, with the id of the event that wrote a row last. Written by every conditional write. */
  readonly eventColumn: string;
  /** LOCAL_QUORUM: how many replicas have what was agreed when a call ends. */
  readonly consistency?: Consistency;
  /** LOCAL_SERIAL: over which replicas it is agreed. It must be the same for all who write the table. */
  readonly serialConsistency?: SerialConsistency;
  /** How often a write is begun whose outcome is not known (8). */
  readonly attempts?: number;
}

/** Whose write it is: the same id makes the same write once, however often it is called. */
export interface ConditionalCall {
  readonly event: string;
  readonly signal?: AbortSignal;
}

/** Applied, now or by an earlier call of the same event; or the rows as they are instead, undefined where there is none. */
export type ConditionalResult =
  | { readonly applied: true }
  | { readonly applied: false; readonly rows: readonly (Row | undefined)[] };

/** Conditional writes (lightweight transactions) on one table. */
export interface ScyllaConditional {
  insertIfNotExists(
    row: Row,
    call: ConditionalCall & { readonly ttl?: InsertIfNotExists["ttl"] },
  ): Promise<ConditionalResult>;
  updateIf(update: UpdateIf, call: ConditionalCall): Promise<ConditionalResult>;
  /** All of them or none, in one partition. */
  batch(writes: readonly ConditionalWrite[], call: ConditionalCall): Promise<ConditionalResult>;
  /** The row behind everything that was agreed before. */
  read(key: Row): Promise<Row | undefined>;
  health(): Promise<Health>;
  close(): Promise<void>;
}

const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Conditional writes that end in a clear answer. Where the server does not say how one ended (a timeout of its own, ours, a broken
 * connection), the row is read behind all agreed writes: it holds the event's id, or the write is begun again. What is then still unknown
 * is thrown as `unknown-outcome`, and may be called again with the same event.
 *
 * A table written conditionally must not be written otherwise: the two do not agree about what is newer.
 *
 * @example
 * ```ts
 * import { scyllaConditional } from "@millrace/scylla";
 * const claims = await scyllaConditional({
 *   contactPoints: ["127.0.0.1:9042"],
 *   keyspace: "app",
 *   table: "rule_application_state",
 *   eventColumn: "last_event_id",
 * });
 * const claim = await claims.insertIfNotExists({ citizen_id: "ada", rule_id: "late" }, { event: "e-1", ttl: "30d" });
 * console.log(claim.applied ? "mine" : claim.rows[0]);
 * await claims.close();
 * ```
 */
export async function scyllaConditional(
  options: ScyllaConditionalOptions,
  world?: Partial<World>,
): Promise<ScyllaConditional> {
  const what = `scyllaConditional "${options.keyspace}.${options.table}"`;
  const { attempts = ATTEMPTS } = options;
  checkTableName(options, "scyllaConditional");
  requireArgument(
    Number.isInteger(attempts) && attempts >= 1,
    `${what}: attempts must be a whole number from 1; it is ${attempts}`,
  );
  const serialConsistency = serialConsistencyOf(options.serialConsistency ?? "LOCAL_SERIAL", what);
  const call = { consistency: consistencyOf(options.consistency ?? "LOCAL_QUORUM", what), serialConsistency };
  const { logger, ...rest } = worldOf(world);
  const session = await openSession(options, what, logger);
  try {
    const statements = new ConditionalStatements(await requireTable(session, options), options.eventColumn);
    return new ConditionalTable({ session, statements, eventColumn: options.eventColumn, call, attempts, ...rest });
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** What a conditional table is made of. */
export interface ConditionalParts extends Omit<World, "logger"> {
  readonly session: CqlSession;
  readonly statements: ConditionalStatements;
  readonly eventColumn: string;
  readonly call: CallOptions & { readonly serialConsistency: number };
  readonly attempts: number;
}

/** See {@link scyllaConditional}. */
export class ConditionalTable implements ScyllaConditional {
  readonly #parts: ConditionalParts;

  constructor(parts: ConditionalParts) {
    this.#parts = parts;
  }

  insertIfNotExists(
    row: Row,
    { ttl, ...call }: ConditionalCall & { readonly ttl?: InsertIfNotExists["ttl"] },
  ): Promise<ConditionalResult> {
    return this.batch([ttl === undefined ? { insert: row } : { insert: row, ttl }], call);
  }

  updateIf(update: UpdateIf, call: ConditionalCall): Promise<ConditionalResult> {
    return this.batch([update], call);
  }

  async batch(writes: readonly ConditionalWrite[], { event, signal }: ConditionalCall): Promise<ConditionalResult> {
    const { statements, attempts } = this.#parts;
    requireArgument(typeof event === "string" && event !== "", "a conditional write needs the id of its event");
    requireArgument(writes.length > 0, "a conditional batch needs at least one write");
    const bound = writes.map((write) => statements.bind(write, event));
    requireArgument(
      new Set(bound.map(({ partition }) => partition)).size === 1,
      "the writes of a conditional batch must be of one partition",
    );
    requireArgument(
      writes.some((write) => statements.isOnce(write, event)),
      "a condition must be on a column that the update changes to another value: else it still holds, and could be met twice",
    );
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      const result = await this.#attempt(bound, event, attempt === attempts);
      if (result !== undefined) return result;
      await this.#pause(attempt, signal);
    }
  }

  async read(key: Row): Promise<Row | undefined> {
    try {
      const [row] = await this.#read([this.#parts.statements.read(key)]);
      return row;
    } catch (error) {
      throw classify(error, "read");
    }
  }

  health(): Promise<Health> {
    return this.#parts.session.health();
  }

  close(): Promise<void> {
    return this.#parts.session.close();
  }

  /** Undefined: it is not known, or nothing was done, and it is to be begun again. */
  async #attempt(
    bound: readonly BoundCondition[],
    event: string,
    last: boolean,
  ): Promise<ConditionalResult | undefined> {
    let failure: WriteError | undefined;
    try {
      if (await this.#write(bound)) return { applied: true };
    } catch (error) {
      failure = classify(error, "write");
      if (failure.class === "poison" || failure.class === "fatal") throw failure;
    }
    try {
      const rows = await this.#read(bound.map(({ read }) => read));
      // An earlier call of the event, or this one, whose answer was lost.
      if (rows.every((row) => row?.[this.#parts.eventColumn] === event)) return { applied: true };
      if (failure === undefined) return { applied: false, rows };
    } catch (error) {
      const unread = classify(error, "read");
      if (unread.class === "poison" || unread.class === "fatal") throw unread;
      failure ??= unread;
    }
    if (last)
      throw new WriteError(
        "unknown-outcome",
        failure.code,
        `what became of event ${event} is not known: ${failure.message}. It may be tried again with the same event`,
        { cause: failure },
      );
    return undefined;
  }

  async #write(bound: readonly BoundCondition[]): Promise<boolean> {
    const { session, call } = this.#parts;
    const [first] = bound as readonly [BoundCondition];
    const { rows } =
      bound.length === 1
        ? await session.execute(first.statement, call)
        : await session.batch(
            bound.map(({ statement }) => statement),
            call,
          );
    // Cassandra answers with one row, ScyllaDB with one a statement: all say the same.
    return rows[0]?.["[applied]"] === true;
  }

  /** A serial read finishes what is half agreed, and nothing older can be agreed behind it. */
  async #read(reads: readonly BoundStatement[]): Promise<(Row | undefined)[]> {
    const { session, call } = this.#parts;
    const found: (Row | undefined)[] = [];
    for (const read of reads)
      found.push((await session.execute(read, { consistency: call.serialConsistency })).rows[0]);
    return found;
  }

  /** Those who collide must not begin again together. */
  #pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, random } = this.#parts;
    const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt) * random();
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = clock.schedule(clock.now() + ms, () => {
        signal?.removeEventListener("abort", aborted);
        resolve();
      });
      signal?.addEventListener("abort", aborted, { once: true });
    });
  }
}
