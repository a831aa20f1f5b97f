import { messageOf, type PoisonValue, type SourceBatch, type SourceReader, WriteError } from "@millrace/core";
import type { LimitFunction } from "p-limit";
import { cellBytes } from "./cell-bytes.js";
import { TYPES } from "./cell-type.js";
import type { CallOptions, CqlSession, Page, Row } from "./cql-session.js";
import { type ScanPlace, writePlace } from "./scan-position.js";
import { classify } from "./scylla-errors.js";
import { BEFORE_ALL, MIN_TOKEN, nextPiece, type TokenRange } from "./token-splits.js";

/** The column that the token has in an answer. */
export const TOKEN_COLUMN = "millrace_token";

/** What the readers of a scan share. */
export interface ScanPlan<T> {
  readonly session: CqlSession;
  /** Above a token, up to another one. */
  readonly query: string;
  /** From the smallest token on. */
  readonly firstQuery: string;
  readonly row: (row: Row) => T;
  /** What a row is called: the same at every reading. */
  readonly offset: (row: Row) => string;
  readonly call: CallOptions;
  readonly limit: LimitFunction;
  readonly table: string;
  /** Resolves when a host can be asked again, or after a while. */
  reachable(over: () => boolean): Promise<void>;
}

/** Reads a part of the ring, page by page, in the order of tokens. */
export class SplitReader<T> implements SourceReader<T> {
  readonly #plan: ScanPlan<T>;
  readonly #range: TokenRange;
  /** All rows of tokens up to here were given, and so many of the next token. */
  #done: bigint;
  #rows: number;
  /** The server's mark behind the last page, within the piece it is of. */
  #page: ScanPlace["page"];
  /** Up to here nothing is left to ask for. */
  #reached: bigint;
  /** Rows of token `done + 1` that come again and were given already. */
  #skip: number;
  /** Since the last values the server refused its own mark. */
  #withoutMark = false;
  #unreachable = false;
  #closed = false;
  /** Ends the read() that is pending. */
  #end = (): void => {};

  constructor(plan: ScanPlan<T>, range: TokenRange, place: ScanPlace | undefined) {
    this.#plan = plan;
    this.#range = range;
    this.#done = place?.done ?? range.after;
    this.#rows = place?.rows ?? 0;
    this.#page = place?.page;
    this.#reached = this.#done;
    this.#skip = this.#page === undefined ? this.#rows : 0;
  }

  read(): Promise<SourceBatch<T> | undefined> {
    // Not a race with a promise that lives as long as the reader: that would keep the outcome of every race.
    return new Promise((resolve, reject) => {
      this.#end = () => resolve(undefined);
      this.#next().then(resolve, reject);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#end();
  }

  /** The next page that has rows. One without is usual: deleted rows count too. */
  async #next(): Promise<SourceBatch<T> | undefined> {
    if (this.#unreachable) await this.#plan.reachable(() => this.#closed);
    while (!this.#closed) {
      const piece = this.#page ?? nextPiece(this.#range, this.#reached, this.#plan.session.ring());
      if (piece === undefined) return undefined;
      const page = await this.#fetch(piece);
      if (this.#closed) return undefined;
      if (page === undefined) continue;
      const { size, pageState } = page;
      const again = this.#givenBefore(page);
      this.#page = pageState === undefined ? undefined : { after: piece.after, upTo: piece.upTo, state: pageState };
      if (pageState === undefined) this.#reached = piece.upTo;
      if (again < size) return this.#batch(page, again);
    }
    return undefined;
  }

  /** Undefined: the server does not take its own mark any more, so it is to be asked by token. */
  async #fetch(piece: TokenRange): Promise<Page | undefined> {
    const { session, query, firstQuery, call, limit, table } = this.#plan;
    const first = piece.after === BEFORE_ALL;
    const params = [first ? MIN_TOKEN : piece.after, piece.upTo].map((token) =>
      cellBytes(token, { code: TYPES.bigint }),
    );
    const page = this.#page;
    try {
      const answer = await limit(() =>
        session.page(
          { query: first ? firstQuery : query, params },
          { ...call, near: piece.upTo, ...(page === undefined ? {} : { pageState: page.state }) },
        ),
      );
      this.#unreachable = false;
      return answer;
    } catch (error) {
      const { class: errorClass, code, message } = classify(error, "read");
      if (page !== undefined && code === "E_SCYLLA_PROTOCOL" && !this.#withoutMark) {
        // Marks do not outlive an upgrade of the server; but it takes those it gave a moment ago.
        this.#withoutMark = true;
        this.#page = undefined;
        this.#reached = this.#done;
        this.#skip = this.#rows;
        return undefined;
      }
      this.#unreachable = code === "E_SCYLLA_CONNECTION";
      throw new WriteError(errorClass, code, `${table}: ${message}`, { cause: error });
    }
  }

  /** How many of the first rows are left out: those of the token in progress, where it is asked for again. */
  #givenBefore(page: Page): number {
    let again = 0;
    while (again < this.#skip && again < page.size && page.token(again) === this.#done + 1n) again++;
    // Another token before all of them came again: some are gone meanwhile.
    this.#skip = again === page.size ? this.#skip - again : 0;
    return again;
  }

  #batch(page: Page, from: number): SourceBatch<T> {
    const { row: makeValue, offset: offsetOf, table } = this.#plan;
    const values: T[] = [];
    const poison: PoisonValue[] = [];
    const refused = new Set<number>();
    for (let i = from; i < page.size; i++) {
      try {
        values.push(makeValue(page.row(i)));
      } catch (error) {
        const offset = offsetOf(page.row(i));
        const message = `row ${offset} of ${table}: ${messageOf(error)}`;
        refused.add(i);
        poison.push({ offset, raw: Buffer.from(offset), error: { code: "E_DECODE", message } });
      }
    }
    this.#withoutMark = false;
    this.#advance(page, from);
    const position = writePlace({ done: this.#done, rows: this.#rows, page: this.#page });
    let offsets: string[] | undefined;
    return {
      values,
      // Made only where they are read: that takes as long as all else that is done with a row.
      get offsets() {
        if (offsets !== undefined) return offsets;
        offsets = [];
        for (let i = from; i < page.size; i++) if (!refused.has(i)) offsets.push(offsetOf(page.row(i)));
        return offsets;
      },
      position,
      ...(poison.length === 0 ? {} : { poison }),
    };
  }

  /** The last token may go on in the next page, or get rows later: it is in progress until another one comes. */
  #advance(page: Page, from: number): void {
    const last = page.token(page.size - 1);
    // They are in the order of tokens.
    let first = from;
    for (let end = page.size - 1; first < end; ) {
      const middle = (first + end) >> 1;
      if (page.token(middle) === last) end = middle;
      else first = middle + 1;
    }
    const count = page.size - first;
    const goesOn = first === from && this.#done + 1n === last;
    this.#rows = goesOn ? this.#rows + count : count;
    this.#done = last - 1n;
  }
}
