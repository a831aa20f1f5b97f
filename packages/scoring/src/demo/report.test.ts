import { describe, expect, it } from "vitest";
import type { StoreComparison } from "../oracle/compare-stores.js";
import { finalLine, report } from "./report.js";
import { Screen } from "./screen.js";

const EQUAL: StoreComparison = {
  store: "snapshots",
  expected: 2_000,
  actual: 2_000,
  missing: 0,
  extra: 0,
  different: 0,
  examples: [],
};
const WRONG: StoreComparison = {
  store: "deadLetters",
  expected: 10,
  actual: 10,
  missing: 1,
  extra: 1,
  different: 2,
  examples: [{ key: "0/3", expected: undefined, actual: { partition: "0", offset: 3, bytes: new Uint8Array(5) } }],
};
const COUNTS = { messages: 5_000, scored: 4_000, archivedOnly: 500, duplicates: 300, deadLetters: 200, outOfOrder: 7 };

function lines(...stores: StoreComparison[]): string[] {
  let text = "";
  const out = {
    write: (more: string) => {
      text += more;
    },
  };
  report(new Screen(out), { equal: stores.every((store) => store === EQUAL), stores, counts: COUNTS });
  return text.trimEnd().split("\n");
}

describe("report", () => {
  it("ends with one line that says equal or not, and how many of what", () => {
    expect(lines(EQUAL).at(-1)).toBe(
      "EQUAL: 2,000 rows in 1 stores compared with the oracle's reading of 5,000 messages",
    );
    expect(lines(EQUAL, WRONG).at(-1)).toBe(
      "NOT EQUAL: 4 rows differ; 2,010 rows in 2 stores compared with the oracle's reading of 5,000 messages",
    );
    expect(finalLine([EQUAL], 5_000, true)).toBe(lines(EQUAL).at(-1));
  });

  it("shows each store, and what differs", () => {
    const text = lines(EQUAL, WRONG);
    expect(text[1]).toBe("  snapshots          2,000 rows  equal");
    expect(text[2]).toBe("  deadLetters           10 rows  NOT EQUAL: 1 missing, 1 extra, 2 different");
    expect(text.slice(3, 6)).toEqual([
      "  deadLetters 0/3",
      "    expected nothing",
      '    found    {"partition":"0","offset":3,"bytes":"5 bytes"}',
    ]);
  });
});
