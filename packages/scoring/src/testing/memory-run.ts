import type { Clock } from "@millrace/core";
import type { FaultRates } from "../generator/faults.js";
import { generateMessages } from "../generator/generator.js";
import { syntheticCitizens } from "../generator/synthetic-citizens.js";
import { MemoryPorts } from "../memory/memory-ports.js";
import type { MemoryMessage } from "../memory/memory-topic.js";
import { compareStores, type StoreComparison } from "../oracle/compare-stores.js";
import { type ReferenceCounts, ReferenceScorer } from "../oracle/reference-scorer.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import { DEFAULT_RULES } from "../rules/default-rules.js";
import { compileRuleSet } from "../rules/rule-set.js";

/** A log of simulated events and the world in which it is scored. */
export interface MemoryRunOptions {
  readonly seed: number;
  readonly messages: number;
  readonly citizens?: number;
  readonly partitions?: number;
  readonly failures?: number;
  readonly maxLatencyMs?: number;
  readonly faults?: Partial<FaultRates>;
}

const START = Date.UTC(2025, 0, 6);
const RULE_SET = compileRuleSet(DEFAULT_CONFIGURATION.ruleSetVersion, DEFAULT_RULES);

/** More of everything that goes wrong than usual, so that a short log has all of it. */
export const MANY_FAULTS: FaultRates = {
  duplicate: 0.03,
  conflict: 0.01,
  outOfOrder: 0.08,
  late: 0.04,
  veryLate: 0.01,
  hostile: 0.02,
  futureClock: 0.005,
  malformed: 0.005,
  badEncoding: 0.003,
  missingField: 0.005,
  wrongType: 0.005,
  unknownCitizen: 0.01,
  huge: 0.000_5,
};

/** In-memory ports with a generated log, on the given clock and randomness. */
export function memoryRun(
  options: MemoryRunOptions,
  world: { readonly clock: Clock; readonly random: () => number },
): MemoryPorts {
  const {
    seed,
    messages,
    citizens: count = 60,
    partitions = 3,
    failures = 0,
    maxLatencyMs = 4,
    faults = MANY_FAULTS,
  } = options;
  const citizens = syntheticCitizens({ seed, count });
  const log: MemoryMessage[] = [];
  for (const message of generateMessages({ seed, citizens, from: START, faults, perCitizenPerDay: 24 })) {
    if (log.push(message) === messages) break;
  }
  const profiles = citizens.map(({ profile }) => profile);
  return new MemoryPorts({
    ...world,
    failures,
    maxLatencyMs,
    profiles,
    configuration: DEFAULT_CONFIGURATION,
    rules: DEFAULT_RULES,
    messages: log,
    partitions,
  });
}

/** What the oracle says about the stores of such a run. */
export async function compareWithOracle(
  ports: MemoryPorts,
): Promise<{ readonly stores: readonly StoreComparison[]; readonly counts: ReferenceCounts }> {
  let counts: ReferenceCounts | undefined;
  const stores = await compareStores((emit) => {
    const scorer = new ReferenceScorer(
      {
        profiles: ports.citizens.known(),
        configuration: DEFAULT_CONFIGURATION,
        ruleSet: RULE_SET,
        maxOutOfOrdernessMs: 300_000,
        allowedLatenessMs: 900_000,
      },
      emit,
    );
    for (const message of ports.events.messages()) scorer.read(message);
    scorer.finish();
    counts = scorer.counts;
  }, ports);
  return { stores, counts: counts as ReferenceCounts };
}

/** The comparisons that found a difference: empty when all is equal. */
export function differences(stores: readonly StoreComparison[]): readonly StoreComparison[] {
  return stores.filter(({ missing, extra, different }) => missing + extra + different > 0);
}
