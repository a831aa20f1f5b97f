import type { CitizenProfile } from "../ports/citizen-profile.js";
import type { ContentName, ContentRow } from "../ports/store-contents.js";
import type { StoreComparison } from "./compare-stores.js";

const MAX_EXAMPLES = 5;

/** Recounts the social graph from the raw events that a store must hold, and compares it with the one that is there. */
export class RelationshipRecount {
  readonly #allowed: ReadonlySet<string>;
  readonly #expected = new Set<string>();

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
    this.#expected.add(`${self}/${relation}/${other}`).add(`${other}/${relation}/${self}`);
  }

  async compare(
    actual: AsyncIterable<{ readonly citizenID: string; readonly relation: string; readonly other: string }>,
  ): Promise<StoreComparison> {
    const missing = new Set(this.#expected);
    const extra: string[] = [];
    let count = 0;
    for await (const { citizenID, relation, other } of actual) {
      count++;
      const edge = `${citizenID}/${relation}/${other}`;
      if (!missing.delete(edge)) extra.push(edge);
    }
    const examples = [
      ...[...missing].map((key) => ({ key, expected: { edge: key }, actual: undefined })),
      ...extra.map((key) => ({ key, expected: undefined, actual: { edge: key } })),
    ];
    return {
      store: "relationships",
      expected: this.#expected.size,
      actual: count,
      missing: missing.size,
      extra: extra.length,
      different: 0,
      examples: examples.slice(0, MAX_EXAMPLES),
    };
  }
}
