import { type Faults, simulate } from "@millrace/core/testing";
import { describe, expect, it } from "vitest";
import type { MemoryPorts } from "../src/memory/memory-ports.js";
import { compareWithOracle, differences, memoryRun } from "../src/testing/memory-run.js";
import { scoringTopology } from "../src/topology/scoring-topology.js";

const MESSAGES = 2_000;
const FAULTS: Faults = { crash: 3, abandonEpoch: 1, duplicate: 5, delay: 3, tornWrite: 1 };
/** The share of calls to the stores that fail, half of them after they were carried out. */
const FAILURES = 0.002;

/** A seed takes two seconds of a free machine. */
const TIMEOUT_MS = 120_000;

/** In CI all seeds are run; on a developer's machine a sample. */
const SEEDS_IN_CI = 150;
const SEEDS = 6;

/**
 * Simulates the scoring of a log for many seeds, each run twice with equal traces: crashes at any moment, an abandoned epoch, stores
 * that fail before and after they wrote. In the end every store must hold what the oracle says.
 */
export function simulationSuite(firstSeed: number): void {
  const seeds = Array.from({ length: process.env.CI === undefined ? SEEDS : SEEDS_IN_CI }, (_, i) => firstSeed + i);
  const totals = {
    crash: 0,
    abandonEpoch: 0,
    duplicate: 0,
    delay: 0,
    tornWrite: 0,
    failedCalls: 0,
    duplicates: 0,
    deadLetters: 0,
    outOfOrder: 0,
  };

  describe(`the simulated world, ${seeds.length} seeds from ${firstSeed}`, () => {
    it.each(seeds)("seed %i: all stores equal the oracle", { timeout: TIMEOUT_MS }, async (seed) => {
      let ports: MemoryPorts | undefined;
      const { faults } = await simulate(
        (world) => {
          ports = memoryRun({ seed, messages: MESSAGES, failures: FAILURES }, world);
          return scoringTopology(ports, { concurrency: 32 });
        },
        { seed, faults: FAULTS },
      );
      const { stores, counts } = await compareWithOracle(ports as unknown as MemoryPorts);
      expect(differences(stores)).toEqual([]);
      expect(counts.messages).toBe(MESSAGES);
      expect(faults).toEqual(FAULTS);
      for (const [kind, count] of Object.entries(faults)) totals[kind as keyof typeof faults] += count;
      totals.failedCalls += (ports as unknown as MemoryPorts).failedCalls;
      totals.duplicates += counts.duplicates;
      totals.deadLetters += counts.deadLetters;
      totals.outOfOrder += counts.outOfOrder;
    });

    it("had all of it happen", () => {
      console.log(
        `simulation of scoring, ${seeds.length} seeds of ${MESSAGES} messages, each run twice: ${JSON.stringify(totals)}`,
      );
      for (const [kind, total] of Object.entries(totals)) expect.soft(total, kind).toBeGreaterThan(0);
    });
  });
}
