import type { CellParam } from "./cell-bytes.js";
import type { BoundStatement } from "./cql-session.js";

/** After so many batches of one shape, more of it are expected. */
const OFTEN = 8;
/** Statements in all texts together: the server keeps the parsed form of each. */
const MAX_STATEMENTS = 500;
/** Shapes that are counted. */
const MAX_SHAPES = 1_000;
/** The protocol's limit for one request. */
const MAX_PARAMS = 65_535;

/**
 * Batches of one statement, with other values each time, as the text of the whole batch: that is one prepared statement with one list of values. The driver
 * waits, allocates and sends an id for each statement of a batch otherwise, which is a third of its CPU time. A text is made for what comes often.
 */
export class BatchTexts {
  /** How often there were so many of a statement. */
  readonly #times = new Map<string, number>();
  readonly #texts = new Map<string, string>();
  #statements = 0;

  /** The same batch as one statement; undefined where it is better sent as it is. */
  joined(statements: readonly BoundStatement[]): BoundStatement | undefined {
    const [first] = statements;
    if (first === undefined || statements.length * first.params.length > MAX_PARAMS) return undefined;
    const { query } = first;
    for (const each of statements) if (each.query !== query) return undefined;
    const text = this.#textOf(query, statements.length);
    if (text === undefined) return undefined;
    // Not flatMap(), which takes as long as all the rest of a row.
    const all: CellParam[] = [];
    for (const { params } of statements) for (const param of params) all.push(param);
    return { query: text, params: all };
  }

  #textOf(query: string, count: number): string | undefined {
    const shape = `${count} ${query}`;
    const known = this.#texts.get(shape);
    if (known !== undefined) return known;
    const times = (this.#times.get(shape) ?? 0) + 1;
    if (times > OFTEN && this.#statements + count <= MAX_STATEMENTS) {
      const text = `BEGIN UNLOGGED BATCH ${`${query}; `.repeat(count)}APPLY BATCH`;
      this.#texts.set(shape, text);
      this.#times.delete(shape);
      this.#statements += count;
      return text;
    }
    if (times > 1 || this.#times.size < MAX_SHAPES) this.#times.set(shape, times);
    return undefined;
  }
}
