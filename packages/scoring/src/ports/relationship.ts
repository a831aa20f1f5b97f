/** How two citizens are related. All relations go both ways. */
export type Relation = "family" | "colleagues" | "friends";

/** Every {@link Relation}. */
export const RELATIONS: readonly Relation[] = ["family", "colleagues", "friends"];

/** An edge of the social graph. It is only there or not there, so a replay changes nothing. */
export interface Relationship {
  readonly citizenID: string;
  readonly relation: Relation;
  readonly other: string;
}

/** Both edges that an event's payload tells of, if it does. */
export function relationshipsIn(citizenID: string, payload: { readonly [name: string]: unknown }): Relationship[] {
  const { other, relation } = payload;
  if (typeof other !== "string" || other === citizenID || !isRelation(relation)) return [];
  return [
    { citizenID, relation, other },
    { citizenID: other, relation, other: citizenID },
  ];
}

function isRelation(value: unknown): value is Relation {
  return RELATIONS.some((relation) => relation === value);
}
