import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BatchTexts } from "./batch-texts.js";
import type { BoundStatement } from "./cql-session.js";

const INSERT = "INSERT INTO k.t (a, b) VALUES (?, ?)";

function rows(count: number, query = INSERT): BoundStatement[] {
  return Array.from({ length: count }, (_, i) => ({ query, params: [i, `b${i}`] }));
}

/** The texts that a table of batches gets when each comes so many times. */
function madeOf(texts: BatchTexts, batch: readonly BoundStatement[], times: number): (string | undefined)[] {
  return Array.from({ length: times }, () => texts.joined(batch)?.query);
}

describe("BatchTexts", () => {
  it("joins what came eight times before, with all values in order", () => {
    const texts = new BatchTexts();
    expect(madeOf(texts, rows(3), 8).every((text) => text === undefined)).toBe(true);
    expect(texts.joined(rows(3))).toEqual({
      query: `BEGIN UNLOGGED BATCH ${INSERT}; ${INSERT}; ${INSERT}; APPLY BATCH`,
      params: [0, "b0", 1, "b1", 2, "b2"],
    });
    expect(texts.joined(rows(2))).toBeUndefined();
    expect(texts.joined(rows(3, `${INSERT} USING TTL ?`))).toBeUndefined();
  });

  it("leaves batches of several statements, and what is over the protocol's limit", () => {
    const texts = new BatchTexts();
    expect(madeOf(texts, [...rows(2), ...rows(1, "DELETE FROM k.t WHERE a = ? AND b = ?")], 20)).not.toContainEqual(
      expect.any(String),
    );
    const wide = [{ query: INSERT, params: new Array<number>(65_536).fill(1) }];
    expect(madeOf(texts, wide, 20)).not.toContainEqual(expect.any(String));
    expect(texts.joined([])).toBeUndefined();
  });

  it("lets the server keep no more than 500 statements", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 30 }), (counts) => {
        const texts = new BatchTexts();
        const made = new Set<string>();
        for (const count of counts) for (const text of madeOf(texts, rows(count), 10)) if (text) made.add(text);
        const statements = [...made].reduce((sum, text) => sum + text.split(INSERT).length - 1, 0);
        expect(statements).toBeLessThanOrEqual(500);
        const [first] = counts;
        if (first !== undefined) expect(made.size).toBeGreaterThan(0);
      }),
    );
  });

  it("goes on counting what is known when it has seen too many shapes", () => {
    const texts = new BatchTexts();
    texts.joined(rows(3));
    for (let i = 0; i < 2_000; i++) texts.joined(rows(1, `${INSERT} /* ${i} */`));
    expect(madeOf(texts, rows(4), 20)).not.toContainEqual(expect.any(String));
    expect(madeOf(texts, rows(3), 8).at(-1)).toEqual(expect.any(String));
  });
});
