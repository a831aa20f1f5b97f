import Database from "better-sqlite3";
import type { ContentName, ContentRow, StoreContents } from "../ports/store-contents.js";
import { STORES } from "../ports/stores.js";
import { TABLE_NAMES } from "./embedded-tables.js";

/**
 * Reads the stores as they lie in the files, without going through what wrote them. Read-only; throws where a file is not there.
 *
 * @example
 * ```ts
 * import { EmbeddedContents, embeddedFiles } from "@millrace/scoring";
 * const { scores, facts } = embeddedFiles("data");
 * const contents = new EmbeddedContents(scores, facts);
 * for (const { citizenID, score } of contents.rows("snapshots")) console.log(citizenID, score);
 * contents.close();
 * ```
 */
export class EmbeddedContents implements StoreContents {
  readonly #scores: Database.Database;
  readonly #facts: Database.Database;

  constructor(scoresFile: string, factsFile: string) {
    this.#scores = new Database(scoresFile, { readonly: true, fileMustExist: true });
    this.#facts = new Database(factsFile, { readonly: true, fileMustExist: true });
  }

  *rows(name: ContentName): Generator<ContentRow> {
    if (name === "snapshots") {
      const columns = "citizenID, score, raw, tier, lastCalculated, lastEventAt, version, partition, offset";
      yield* this.#scores.prepare<[], ContentRow>(`SELECT ${columns} FROM citizens`).iterate();
    } else if (name === "ruleState") {
      yield* this.#scores
        .prepare<[], ContentRow>("SELECT citizenID, ruleID, lastEventID, applications FROM rule_application_state")
        .iterate();
    } else {
      const columns = Object.keys(STORES[name].columns).map((column) => `"${column}"`);
      yield* this.#facts.prepare<[], ContentRow>(`SELECT ${columns.join(", ")} FROM ${TABLE_NAMES[name]}`).iterate();
    }
  }

  close(): void {
    this.#scores.close();
    this.#facts.close();
  }
}
