import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { ContentName, ContentRow } from "../ports/store-contents.js";
import type { Difference, StoreComparison } from "./compare-stores.js";

const MAX_EXAMPLES = 5;

/** An edge as the store has it. */
interface ComparedEdge {
  readonly citizenID: string;
  readonly relation: string;
  readonly other: string;
  readonly since: number;
}

/** Recounts the social graph from the raw events that a store must hold, and compares it with the one that is there. */
export class RelationshipRecount {
  readonly #allowed: ReadonlySet<string>;
  /** Edge → since when. */
  readonly #expected = new Map<string, number>();

  constructor(profiles: Iterable<CitizenProfile>) {
    this.#allowed = new Set([...profiles].filter(({ consent }) => consent.graph).map(({ citizenID }) => citizenID));
  }

  /** Takes the oracle's rows as they come to be. */
  take(store: ContentName, row: ContentRow): void {
    if (store !== "rawEvents" || row.eventType !== "relationship") return;
    const { other, relation } = JSON.parse(String(row.payload)) as { other?: unknown; relation?: unknown };
    const self = String(row.citizenID);
    if (!["family", "colleagues", "friends"].includes(String(relation)) || other === self) return;
    if (!this.#allowed.has(self) || !this.#allowed.has(String(other))) return;
    const at = Number(row.occurredAt);
    for (const edge of [`${self}/${relation}/${other}`, `${other}/${relation}/${self}`])
      this.#expected.set(edge, Math.min(at, this.#expected.get(edge) ?? at));
  }

  async compare(actual: AsyncIterable<ComparedEdge>): Promise<StoreComparison> {
    const missing = new Map(this.#expected);
    const different: Difference[] = [];
    const extra: Difference[] = [];
    let count = 0;
    for await (const { citizenID, relation, other, since } of actual) {
      count++;
      const key = `${citizenID}/${relation}/${other}`;
      const expected = missing.get(key);
      missing.delete(key);
      if (expected === undefined) extra.push({ key, expected: undefined, actual: { since } });
      else if (expected !== since) different.push({ key, expected: { since: expected }, actual: { since } });
    }
    const gone = [...missing].map(([key, since]) => ({ key, expected: { since }, actual: undefined }));
    return {
      store: "relationships",
      expected: this.#expected.size,
      actual: count,
      missing: missing.size,
      extra: extra.length,
      different: different.length,
      examples: [...gone, ...extra, ...different].slice(0, MAX_EXAMPLES),
    };
  }
}
