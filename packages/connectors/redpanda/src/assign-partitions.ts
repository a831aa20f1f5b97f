/** A member of a consumer group, and the partition numbers it holds so far. */
export interface GroupMember {
  readonly id: string;
  readonly held: readonly number[];
}

/**
 * Who gets which partition numbers; a number stands for that partition of every topic, so that topics with equal counts stay together.
 * "all-to-one": whoever holds most keeps all, so that a further process does not take a running task away; else the smallest id. "spread":
 * equal shares, and everybody keeps what they hold as far as their share goes.
 */
export function assignPartitions(
  mode: "all-to-one" | "spread",
  members: readonly GroupMember[],
  numbers: readonly number[],
): ReadonlyMap<string, readonly number[]> {
  const sorted = [...members].sort((left, right) => (left.id < right.id ? -1 : 1));
  if (mode === "spread") return spread(sorted, numbers);
  const [first, ...others] = sorted;
  if (first === undefined) return new Map();
  let owner = first;
  for (const member of others) if (member.held.length > owner.held.length) owner = member;
  return new Map([[owner.id, numbers]]);
}

function spread(members: readonly GroupMember[], numbers: readonly number[]): ReadonlyMap<string, readonly number[]> {
  const free = new Set(numbers);
  const shares = new Map<string, number[]>(members.map(({ id }) => [id, []]));
  const base = Math.floor(numbers.length / members.length);
  let larger = numbers.length % members.length;
  // Those who hold most first: the shares that are larger by one are theirs.
  for (const { id, held } of [...members].sort((left, right) => right.held.length - left.held.length)) {
    const share = shares.get(id) as number[];
    const own = held.filter((number) => free.has(number));
    const size = own.length > base && larger > 0 ? base + 1 : base;
    if (size > base) larger--;
    for (const number of own.slice(0, size)) {
      share.push(number);
      free.delete(number);
    }
  }
  for (const number of [...free].sort((left, right) => left - right)) {
    let smallest: number[] | undefined;
    for (const share of shares.values()) if (smallest === undefined || share.length < smallest.length) smallest = share;
    smallest?.push(number);
  }
  return shares;
}
