import type { Health } from "@millrace/core";
import type { Answer, BoundStatement, CallOptions, CqlSession, Page, TableShape } from "../src/cql-session.js";
import { TOKEN_COLUMN } from "../src/split-reader.js";

export const NOTHING: Answer = { rows: [], pageState: undefined };

/** One request as it would have left. */
export interface Request {
  readonly statements: readonly BoundStatement[];
  readonly options: CallOptions;
}

/** A session whose server is a function. */
export class FakeSession implements CqlSession {
  readonly requests: Request[] = [];
  /** The most requests that were under way at once. */
  most = 0;
  #under = 0;
  readonly #answer: (request: Request) => Answer | Promise<Answer>;
  readonly #shape: TableShape | undefined;
  tokens: readonly bigint[] = [];
  up = true;
  closed = 0;

  constructor(answer: (request: Request) => Answer | Promise<Answer>, shape?: TableShape) {
    this.#answer = answer;
    this.#shape = shape;
  }

  execute(statement: BoundStatement, options: CallOptions): Promise<Answer> {
    return this.#take({ statements: [statement], options });
  }

  async page(statement: BoundStatement, options: CallOptions): Promise<Page> {
    const { rows, pageState } = await this.#take({ statements: [statement], options });
    return {
      size: rows.length,
      row: (i) => {
        const { [TOKEN_COLUMN]: _, ...row } = rows[i] ?? {};
        return row;
      },
      token: (i) => rows[i]?.[TOKEN_COLUMN] as bigint,
      pageState,
    };
  }

  batch(statements: readonly BoundStatement[], options: CallOptions): Promise<Answer> {
    return this.#take({ statements, options });
  }

  async shape(): Promise<TableShape | undefined> {
    return this.#shape;
  }

  ring(): readonly bigint[] {
    return this.tokens;
  }

  reachable(): boolean {
    return this.up;
  }

  async health(): Promise<Health> {
    return { status: this.up ? "up" : "down" };
  }

  async close(): Promise<void> {
    this.closed++;
  }

  async #take(request: Request): Promise<Answer> {
    this.requests.push(request);
    this.#under++;
    this.most = Math.max(this.most, this.#under);
    try {
      return await this.#answer(request);
    } finally {
      this.#under--;
    }
  }
}
