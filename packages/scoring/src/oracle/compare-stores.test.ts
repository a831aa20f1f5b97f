import { describe, expect, it } from "vitest";
import type { ContentName, ContentRow, StoreContents } from "../ports/store-contents.js";
import { areEqual, COMPARED_STORES, compareStores, type StoreComparison } from "./compare-stores.js";

const SNAPSHOT = {
  citizenID: "c-1",
  score: 600,
  raw: 600.5,
  tier: "standard",
  lastCalculated: 1,
  lastEventAt: 1,
  version: 1,
  partition: "0",
  offset: 0,
};
const DEAD = { partition: "0", offset: 3, code: "E", message: "m", key: null, bytes: Buffer.from([1, 2]) };
type Content = Partial<Record<ContentName, readonly ContentRow[]>>;

const GOOD: Content = { snapshots: [SNAPSHOT, { ...SNAPSHOT, citizenID: "c-2" }], deadLetters: [DEAD] };

async function compared(actual: Content): Promise<readonly StoreComparison[]> {
  const contents: StoreContents = { rows: (name) => actual[name] ?? [] };
  return compareStores((emit) => {
    for (const [store, rows] of Object.entries(GOOD)) for (const row of rows) emit(store as ContentName, row);
  }, contents);
}

function only(comparisons: readonly StoreComparison[], store: ContentName): StoreComparison {
  return comparisons.find((each) => each.store === store) as StoreComparison;
}

describe("compareStores", () => {
  it("finds equal what is equal, whatever the order of rows and columns", async () => {
    const { citizenID, ...rest } = SNAPSHOT;
    const result = await compared({
      snapshots: [
        { ...rest, citizenID: "c-2" },
        { ...rest, citizenID },
      ],
      deadLetters: [{ ...DEAD, bytes: new Uint8Array([1, 2]) }],
    });
    expect(areEqual(result)).toBe(true);
    expect(result.map(({ store }) => store)).toEqual(COMPARED_STORES);
    expect(only(result, "snapshots")).toMatchObject({ expected: 2, actual: 2 });
  });

  it("finds a missing row, an extra row and a changed column, and shows them", async () => {
    const changed = { ...SNAPSHOT, raw: 600.500_000_1 };
    const extra = { ...SNAPSHOT, citizenID: "c-3" };
    const result = await compared({ ...GOOD, snapshots: [changed, extra] });
    expect(areEqual(result)).toBe(false);
    const snapshots = only(result, "snapshots");
    expect(snapshots).toMatchObject({ missing: 1, extra: 1, different: 1 });
    expect(snapshots.examples).toEqual([
      { key: "c-1", expected: SNAPSHOT, actual: changed },
      { key: "c-3", expected: undefined, actual: extra },
      { key: "c-2", expected: { ...SNAPSHOT, citizenID: "c-2" }, actual: undefined },
    ]);
  });

  it.each(Object.keys(SNAPSHOT).filter((column) => column !== "citizenID"))("sees a change of %s", async (column) => {
    const result = await compared({
      ...GOOD,
      snapshots: [
        { ...SNAPSHOT, [column]: "other" },
        { ...SNAPSHOT, citizenID: "c-2" },
      ],
    });
    expect(only(result, "snapshots").different).toBe(1);
  });

  it("sees changed bytes", async () => {
    expect(areEqual(await compared({ ...GOOD, deadLetters: [{ ...DEAD, bytes: Buffer.from([1, 3]) }] }))).toBe(false);
  });
});
