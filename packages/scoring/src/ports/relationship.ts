/** How two citizens are related. All relations go both ways. */
export type Relation = "family" | "colleagues" | "friends";

/** Every {@link Relation}. */
export const RELATIONS: readonly Relation[] = ["family", "colleagues", "friends"];

/** How much of a neighbour's risk each {@link Relation} carries over. */
export const RELATION_WEIGHTS: Readonly<Record<Relation, number>> = { family: 1, colleagues: 0.3, friends: 0.5 };

/**
 * An edge of the social graph. Several events may tell of one, in two partitions and so in any order: it counts from the earliest of them,
 * so a replay changes nothing. No event says that a relation is over.
 */
export interface Relationship {
  readonly citizenID: string;
  readonly relation: Relation;
  readonly other: string;
  /** When the event occurred that tells of it. */
  readonly since: number;
}

/** Both edges that an event tells of, if it does. */
export function relationshipsIn({
  citizenID,
  occurredAt: since,
  payload: { other, relation },
}: {
  readonly citizenID: string;
  readonly occurredAt: number;
  readonly payload: { readonly [name: string]: unknown };
}): Relationship[] {
  if (typeof other !== "string" || other === citizenID || !isRelation(relation)) return [];
  return [
    { citizenID, relation, other, since },
    { citizenID: other, relation, other: citizenID, since },
  ];
}

function isRelation(value: unknown): value is Relation {
  return RELATIONS.some((relation) => relation === value);
}
