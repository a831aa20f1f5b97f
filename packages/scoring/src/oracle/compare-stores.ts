import { hashText } from "../hash/hash-text.js";
import type { ContentName, ContentRow, StoreContents } from "../ports/store-contents.js";
import { STORE_NAMES, STORES } from "../ports/stores.js";
import type { EmitRow } from "./reference-scorer.js";

/** How one store differs from what it should hold. */
export interface StoreComparison {
  /** `relationships` only where there is a graph. */
  readonly store: ContentName | "relationships";
  readonly expected: number;
  readonly actual: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** A few of the differences. */
  readonly examples: readonly Difference[];
}

/** A row that is not as it should be: missing (`actual` undefined), too much (`expected` undefined), or different. `key` is its key's columns, joined by `/`. */
export interface Difference {
  readonly key: string;
  readonly expected: ContentRow | undefined;
  readonly actual: ContentRow | undefined;
}

const COMPARED: Readonly<
  Record<ContentName, { readonly key: readonly string[]; readonly columns: readonly string[] }>
> = {
  snapshots: {
    key: ["citizenID"],
    columns: ["citizenID", "score", "raw", "tier", "lastCalculated", "lastEventAt", "version", "partition", "offset"],
  },
  ruleState: { key: ["citizenID", "ruleID"], columns: ["citizenID", "ruleID", "lastEventID", "applications"] },
  ...(Object.fromEntries(
    STORE_NAMES.map((name) => [name, { key: STORES[name].key, columns: Object.keys(STORES[name].columns) }]),
  ) as Record<(typeof STORE_NAMES)[number], { key: readonly string[]; columns: string[] }>),
};

/** Everything that is compared. */
export const COMPARED_STORES: readonly ContentName[] = Object.keys(COMPARED) as ContentName[];

const MAX_EXAMPLES = 5;

/**
 * Compares all stores with the rows they should hold. `expect` is asked for the expected rows, and a second time if something
 * differs: only a digest of each row is kept, so that a log of millions fits. `onProgress` hears how many rows are compared, after each
 * store. The stores may give their rows in any order.
 *
 * @example
 * ```ts
 * import { areEqual, compareStores, type EmitRow, EmbeddedContents, embeddedFiles } from "@millrace/scoring";
 * declare const expect: (emit: EmitRow) => void; // such as a ReferenceScorer that reads the whole log
 * const { scores, facts } = embeddedFiles("data");
 * const stores = await compareStores(expect, new EmbeddedContents(scores, facts));
 * console.log(areEqual(stores) ? "EQUAL" : stores);
 * ```
 */
export async function compareStores(
  expect: (emit: EmitRow) => Promise<void> | void,
  contents: StoreContents,
  onProgress: (compared: number) => void = () => {},
): Promise<StoreComparison[]> {
  const expected = new Map(COMPARED_STORES.map((store) => [store, new Map<string, number>()]));
  await expect((store, row) => void expected.get(store)?.set(keyOf(store, row), digestOf(store, row)));
  const drafts: Draft[] = [];
  let compared = 0;
  for (const store of COMPARED_STORES) {
    const draft = await compareStore(store, expected.get(store) as Map<string, number>, contents);
    compared += draft.actual;
    onProgress(compared);
    drafts.push(draft);
  }
  if (drafts.some(({ differing }) => differing.size > 0)) await fillIn(drafts, expect);
  return drafts.map(({ differing, ...comparison }) => ({
    ...comparison,
    examples: [...differing].map(([key, rows]) => ({ key: key.replaceAll("\u0000", "/"), ...rows })),
  }));
}

/**
 * Whether nothing differs in any store.
 *
 * @example
 * ```ts
 * import { areEqual, type StoreComparison } from "@millrace/scoring";
 * declare const comparisons: StoreComparison[]; // of compareStores()
 * if (!areEqual(comparisons)) throw new Error("the stores do not hold what they should");
 * ```
 */
export function areEqual(comparisons: readonly StoreComparison[]): boolean {
  return comparisons.every(({ missing, extra, different }) => missing + extra + different === 0);
}

interface Draft extends Omit<StoreComparison, "examples"> {
  readonly differing: Map<string, { expected: ContentRow | undefined; readonly actual: ContentRow | undefined }>;
}

async function compareStore(
  store: ContentName,
  expected: Map<string, number>,
  contents: StoreContents,
): Promise<Draft> {
  const differing: Draft["differing"] = new Map();
  const note = (key: string, actual: ContentRow | undefined): void => {
    if (differing.size < MAX_EXAMPLES) differing.set(key, { expected: undefined, actual });
  };
  const total = expected.size;
  let actual = 0;
  let extra = 0;
  let different = 0;
  for await (const row of contents.rows(store)) {
    actual++;
    const key = keyOf(store, row);
    const digest = expected.get(key);
    expected.delete(key);
    if (digest === digestOf(store, row)) continue;
    if (digest === undefined) extra++;
    else different++;
    note(key, row);
  }
  for (const key of expected.keys()) note(key, undefined);
  return { store, expected: total, actual, missing: expected.size, extra, different, differing };
}

async function fillIn(drafts: readonly Draft[], expect: (emit: EmitRow) => Promise<void> | void): Promise<void> {
  const wanted = new Map(drafts.map(({ store, differing }) => [store, differing]));
  await expect((store, row) => {
    const rows = wanted.get(store)?.get(keyOf(store, row));
    if (rows !== undefined) rows.expected = row;
  });
}

function keyOf(store: ContentName, row: ContentRow): string {
  return COMPARED[store].key.map((column) => String(row[column])).join("\u0000");
}

/** 53 bits of all columns in their order. */
function digestOf(store: ContentName, row: ContentRow): number {
  let text = "";
  for (const column of COMPARED[store].columns) {
    const value = row[column];
    text += value instanceof Uint8Array ? Buffer.from(value).toString("base64") : JSON.stringify(value);
    text += "\n";
  }
  return hashText(text) * 2 ** 21 + (hashText(text, 0x2545f491) >>> 11);
}
