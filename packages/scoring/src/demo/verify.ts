import { receive } from "../embedded/embedded-ports.js";
import { RelationshipRecount } from "../oracle/compare-relationships.js";
import { areEqual, compareStores, type StoreComparison } from "../oracle/compare-stores.js";
import { type ReferenceCounts, ReferenceScorer } from "../oracle/reference-scorer.js";
import { DEFAULT_CONFIGURATION } from "../rules/default-configuration.js";
import { DEFAULT_RULES } from "../rules/default-rules.js";
import { compileRuleSet } from "../rules/rule-set.js";
import type { Manifest } from "./data-directory.js";
import type { DemoSystem } from "./demo-system.js";
import { populationOf } from "./population.js";

/** What the comparison found. */
export interface Verdict {
  readonly equal: boolean;
  readonly stores: readonly StoreComparison[];
  readonly counts: ReferenceCounts;
}

/** The pipeline's times, in milliseconds: written down a second time, because the oracle takes nothing from the pipeline. */
const MAX_OUT_OF_ORDERNESS_MS = 300_000;
const ALLOWED_LATENESS_MS = 900_000;

/** Reads the log again with the reference scorer, and compares every store with what it says. */
export async function verify(
  system: DemoSystem,
  manifest: Manifest,
  onProgress: (what: string) => void,
): Promise<Verdict> {
  const log = await system.log();
  const contents = await system.contents();
  let counts: ReferenceCounts | undefined;
  try {
    const profiles = populationOf(manifest).map(({ profile }) => profile);
    const ruleSet = compileRuleSet(DEFAULT_CONFIGURATION.ruleSetVersion, DEFAULT_RULES);
    const recount = new RelationshipRecount(profiles);
    const stores = await compareStores(
      async (emit) => {
        const options = {
          profiles,
          configuration: DEFAULT_CONFIGURATION,
          ruleSet,
          maxOutOfOrdernessMs: MAX_OUT_OF_ORDERNESS_MS,
          allowedLatenessMs: ALLOWED_LATENESS_MS,
        };
        const scorer = new ReferenceScorer(options, (store, row) => {
          recount.take(store, row);
          emit(store, row);
        });
        for await (const message of log.messages()) {
          scorer.read(receive(message));
          if (scorer.counts.messages % 5_000 === 0) onProgress(`oracle: ${scorer.counts.messages} messages`);
        }
        scorer.finish();
        counts = scorer.counts;
      },
      contents,
      (compared) => onProgress(`compared: ${compared} rows`),
    );
    const graph = contents.graph?.();
    if (graph !== undefined) stores.push(await recount.compare(graph));
    return { equal: areEqual(stores), stores, counts: counts as ReferenceCounts };
  } finally {
    await contents.close();
    await log.close();
  }
}
