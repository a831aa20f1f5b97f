import { expect, it } from "vitest";
import { OpeningOffsets } from "./opening-offsets.js";

/** Brokers whose topic of two partitions grows with each question. */
function brokers(): { opening: OpeningOffsets; asked: string[]; fail(): void } {
  const asked: string[] = [];
  let failing = false;
  const opening = new OpeningOffsets(
    {
      offsets: async (topic) => {
        asked.push(`offsets ${topic}`);
        if (failing) throw new Error("away");
        const high = BigInt(asked.length);
        return [0, 1].map((partition) => ({ partition, low: 0n, stable: high, high }));
      },
      committed: async (group, topic) => {
        asked.push(`committed ${group} ${topic}`);
        return new Map([[1, 7n]]);
      },
    },
    "g",
  );
  return {
    opening,
    asked,
    fail: () => {
      failing = !failing;
    },
  };
}

it("one question a topic answers for all of its partitions", async () => {
  const { opening, asked } = brokers();
  const found = await Promise.all([0, 1].map((partition) => opening.of({ topic: "t", partition })));
  expect(found.map(({ partition, high }) => [partition, high])).toEqual([
    [0, 1n],
    [1, 1n],
  ]);
  expect(await opening.committed({ topic: "t", partition: 0 })).toBeUndefined();
  expect(await opening.committed({ topic: "t", partition: 1 })).toBe(7n);
  expect(asked).toEqual(["offsets t", "committed g t"]);
  await opening.of({ topic: "u", partition: 0 });
  expect(asked).toEqual(["offsets t", "committed g t", "offsets u"]);
});

it("a partition that is opened again hears what holds now, and so do those behind it", async () => {
  const { opening } = brokers();
  const highOf = async (partition: number): Promise<bigint> => (await opening.of({ topic: "t", partition })).high;
  expect([await highOf(0), await highOf(0), await highOf(1), await highOf(1)]).toEqual([1n, 2n, 2n, 3n]);
});

it("a failure is not kept, and a partition that is not there is told", async () => {
  const { opening, fail } = brokers();
  fail();
  await expect(opening.of({ topic: "t", partition: 0 })).rejects.toThrow("away");
  fail();
  expect((await opening.of({ topic: "t", partition: 1 })).high).toBe(2n);
  await expect(opening.of({ topic: "t", partition: 2 })).rejects.toMatchObject({ code: "E_REDPANDA_TOPIC" });
});
