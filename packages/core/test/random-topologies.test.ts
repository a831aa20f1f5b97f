import { describe, expect, it } from "vitest";
import type { Faults } from "../src/testing/fault-plan.js";
import { seededRandom } from "../src/testing/seeded-random.js";
import { simulate } from "../src/testing/simulate.js";
import { OPERATORS } from "./random-operators.js";
import { type Expectation, randomTopology, textOf } from "./random-topology.js";

const FAULTS: Faults = { crash: 2, duplicate: 2, delay: 1, tornWrite: 1, abandonEpoch: 1 };
/** All of them: `npm run test:seeds`, and CI. On a developer's machine a sample. */
const COUNT = Number(process.env.MILLRACE_SEEDS ?? (process.env.CI === undefined ? 60 : 1_000));
const FIRST = Number(process.env.MILLRACE_FIRST_SEED ?? 1);
/** Seeds of one test: many small tests cost more than they tell. */
const CHUNK = 20;

describe(`random topologies, ${COUNT} seeds from ${FIRST}`, () => {
  const totals: Record<string, number> = { values: 0, written: 0, late: 0, dead: 0 };
  const kinds = new Map<string, number>();
  const add = (name: string, count: number): void => {
    totals[name] = (totals[name] ?? 0) + count;
  };
  const chunks = Array.from({ length: Math.ceil(COUNT / CHUNK) }, (_, i) => FIRST + i * CHUNK);

  it.each(chunks)(
    "from seed %i: every sink holds what arrays give, each value once, nothing else",
    { timeout: 120_000 },
    async (first) => {
      for (let seed = first; seed < Math.min(first + CHUNK, FIRST + COUNT); seed++) {
        let expected: Expectation | undefined;
        const { sinks, faults } = await simulate(
          ({ clock }) => {
            expected = randomTopology(seededRandom(seed), clock);
            return expected.topology;
          },
          { seed, faults: FAULTS },
        );
        if (expected === undefined) throw new Error("nothing was built");
        const found = Object.entries(sinks).map(([name, values]) => [name, values.map(textOf).sort()] as const);
        expect(new Map(found), `seed ${seed}: ${expected.kinds.join(", ")}`).toEqual(expected.contents);
        for (const [kind, count] of Object.entries(faults)) add(kind, count);
        for (const kind of expected.kinds) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        add("values", expected.values);
        for (const [name, values] of found)
          add(name.endsWith("-late") ? "late" : name.endsWith("-dead") ? "dead" : "written", values.length);
      }
    },
  );

  it("had every fault and every operator in it", () => {
    console.log(
      `random topologies, ${COUNT} seeds, each run twice: ${JSON.stringify(totals)}; operators: ${JSON.stringify(Object.fromEntries(kinds))}`,
    );
    for (const [name, total] of Object.entries(totals)) expect.soft(total, name).toBeGreaterThan(0);
    for (const { kind } of OPERATORS) expect.soft(kinds.get(kind) ?? 0, kind).toBeGreaterThan(0);
  });
});
