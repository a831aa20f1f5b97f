import type { StoreComparison } from "../oracle/compare-stores.js";
import type { ContentRow } from "../ports/store-contents.js";
import { grouped, type Screen } from "./screen.js";
import type { Verdict } from "./verify.js";

/** Shows the comparison store by store, examples of what differs, and last the one line that says it all. */
export function report(screen: Screen, { stores, counts, equal }: Verdict): void {
  const { messages, scored, archivedOnly, duplicates, deadLetters, outOfOrder } = counts;
  screen.line(
    `log: ${grouped(messages)} messages = ${grouped(scored)} scored (${grouped(outOfOrder)} of them out of order) + ${grouped(archivedOnly)} archived only + ${grouped(duplicates)} copies + ${grouped(deadLetters)} dead letters`,
  );
  for (const store of stores) screen.line(storeLine(store));
  for (const { store, examples } of stores) {
    for (const { key, expected, actual } of examples) {
      screen.line(`  ${store} ${key}`);
      screen.line(`    expected ${shown(expected)}`);
      screen.line(`    found    ${shown(actual)}`);
    }
  }
  screen.line(finalLine(stores, messages, equal));
}

function storeLine({ store, expected, missing, extra, different }: StoreComparison): string {
  const wrong = missing + extra + different;
  const verdict = wrong === 0 ? "equal" : `NOT EQUAL: ${missing} missing, ${extra} extra, ${different} different`;
  return `  ${store.padEnd(12)} ${grouped(expected).padStart(11)} rows  ${verdict}`;
}

/** EQUAL or NOT EQUAL, and how many of what were compared. */
export function finalLine(stores: readonly StoreComparison[], messages: number, equal: boolean): string {
  const rows = stores.reduce((sum, { expected }) => sum + expected, 0);
  const wrong = stores.reduce((sum, { missing, extra, different }) => sum + missing + extra + different, 0);
  const compared = `${grouped(rows)} rows in ${stores.length} stores compared with the oracle's reading of ${grouped(messages)} messages`;
  return equal ? `EQUAL: ${compared}` : `NOT EQUAL: ${grouped(wrong)} rows differ; ${compared}`;
}

function shown(row: ContentRow | undefined): string {
  if (row === undefined) return "nothing";
  const text = JSON.stringify(row, (_, value) => (value instanceof Uint8Array ? `${value.byteLength} bytes` : value));
  return text.length <= 400 ? text : `${text.slice(0, 397)}...`;
}
