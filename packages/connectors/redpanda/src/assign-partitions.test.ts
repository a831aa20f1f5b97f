import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assignPartitions } from "./assign-partitions.js";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("assignPartitions", () => {
  it("leaves everything with the member that has it, whatever the others are called", () => {
    const members = [
      { id: "b", held: numbers(3) },
      { id: "a", held: [] },
    ];
    expect(assignPartitions("all-to-one", members, numbers(3))).toEqual(new Map([["b", [0, 1, 2]]]));
    expect(
      assignPartitions(
        "all-to-one",
        [
          { id: "b", held: [] },
          { id: "a", held: [] },
        ],
        [0],
      ),
    ).toEqual(new Map([["a", [0]]]));
  });

  it("gives every partition to exactly one member, in shares that differ by at most one, whatever was held", () => {
    fc.assert(
      fc.property(fc.nat(40), fc.array(fc.array(fc.nat(50)), { minLength: 1, maxLength: 8 }), (count, held) => {
        const members = held.map((own, i) => ({ id: `m${i}`, held: [...new Set(own)] }));
        const shares = [...assignPartitions("spread", members, numbers(count)).values()];
        expect(shares.flat().sort((a, b) => a - b)).toEqual(numbers(count));
        const sizes = shares.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("moves no more than it must when a member joins or leaves", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 6 }), (count, size) => {
        const ids = numbers(size).map((i) => `m${i}`);
        const before = assignPartitions(
          "spread",
          ids.map((id) => ({ id, held: [] })),
          numbers(count),
        );
        const members = [{ id: "a", held: [] }, ...ids.map((id) => ({ id, held: before.get(id) ?? [] }))];
        const after = assignPartitions("spread", members, numbers(count));
        const moved = ids.flatMap((id) => (before.get(id) ?? []).filter((n) => !after.get(id)?.includes(n)));
        expect(moved.length).toBe(after.get("a")?.length);
        const left = assignPartitions(
          "spread",
          members.slice(2).map(({ id }) => ({ id, held: after.get(id) ?? [] })),
          numbers(count),
        );
        for (const { id } of members.slice(2))
          expect(left.get(id)).toEqual(expect.arrayContaining([...(after.get(id) ?? [])]));
      }),
    );
  });
});
