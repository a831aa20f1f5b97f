import { prngFor } from "./prng.js";
import type { SyntheticCitizen } from "./synthetic-citizens.js";

/** Who knows whom, by place in the population. All relations go both ways. */
export interface Relations {
  readonly family: readonly (readonly number[])[];
  readonly colleagues: readonly (readonly number[])[];
  readonly friends: readonly (readonly number[])[];
}

const COMMUNITY_SIZE = 40;
const FRIEND_TRIES = 6;

/**
 * Families are cliques of 2 to 6. Colleagues share a community of 40. Friendships are many for few people and few for many, mostly
 * inside the community, and rather between people whose traits are alike.
 */
export function relationsOf(citizens: readonly SyntheticCitizen[], seed: number): Relations {
  const prng = prngFor(seed, "relations");
  const family = emptySets(citizens.length);
  const colleagues = emptySets(citizens.length);
  const friends = emptySets(citizens.length);
  for (let first = 0; first < citizens.length; ) {
    const size = Math.min(2 + prng.below(5), citizens.length - first);
    for (let a = first; a < first + size; a++) for (let b = first; b < a; b++) connect(family, a, b);
    first += size;
  }
  for (let self = 0; self < citizens.length; self++) {
    for (let n = prng.below(4); n > 0; n--) connect(colleagues, self, neighbour(prng.unit(), self, citizens.length));
    const wanted = Math.min(60, Math.floor((1 - prng.unit()) ** -0.9));
    for (let n = 0; n < wanted; n++) {
      for (let tries = 0; tries < FRIEND_TRIES; tries++) {
        const other = prng.chance(0.75) ? neighbour(prng.unit(), self, citizens.length) : prng.below(citizens.length);
        if (!prng.chance(likeness(citizens[self] as SyntheticCitizen, citizens[other] as SyntheticCitizen))) continue;
        connect(friends, self, other);
        break;
      }
    }
  }
  return { family: family.map(listed), colleagues: colleagues.map(listed), friends: friends.map(listed) };
}

function emptySets(count: number): Set<number>[] {
  return Array.from({ length: count }, () => new Set<number>());
}

function listed(set: ReadonlySet<number>): number[] {
  return [...set];
}

function connect(relation: readonly Set<number>[], a: number, b: number): void {
  if (a === b) return;
  relation[a]?.add(b);
  relation[b]?.add(a);
}

/** Somebody of the same community. */
function neighbour(unit: number, self: number, count: number): number {
  const first = self - (self % COMMUNITY_SIZE);
  return first + Math.floor(unit * Math.min(COMMUNITY_SIZE, count - first));
}

function likeness({ traits: a }: SyntheticCitizen, { traits: b }: SyntheticCitizen): number {
  const distance = Math.hypot(a.reliability - b.reliability, a.sociability - b.sociability, a.risk - b.risk);
  return Math.exp(-2 * distance);
}
