import { status } from "@grpc/grpc-js";
import { Refusal } from "./refusal.js";
import type { Scalar } from "./scalar.js";

/** A value by its language, by its text in a list, or an edge by its target's uid; with the edge's facets. */
export interface Entry {
  readonly value?: Scalar;
  readonly facets?: ReadonlyMap<string, Scalar>;
}

/** All that one predicate says of one node. */
export type Posting = ReadonlyMap<string, Entry>;

/** What a transaction changes: predicate → uid → what is there afterwards. */
export type Changes = Map<string, Map<number, Posting>>;

interface Version {
  readonly ts: number;
  readonly posting: Posting;
}

/** A cell keeps so many versions; what was read before them is too old. */
const VERSIONS_KEPT = 256;
const EMPTY: Posting = new Map();

class PredicateCells {
  readonly cells = new Map<number, Version[]>();
  /** Value → nodes that had it once: to be looked at again by whoever reads. */
  readonly byValue = new Map<string, Set<number>>();
  #sorted: number[] = [];
  #inOrder = true;

  add(uid: number): Version[] {
    const versions: Version[] = [];
    this.cells.set(uid, versions);
    if (uid < (this.#sorted.at(-1) ?? 0)) this.#inOrder = false;
    this.#sorted.push(uid);
    return versions;
  }

  uids(): readonly number[] {
    if (!this.#inOrder) this.#sorted.sort((left, right) => left - right);
    this.#inOrder = true;
    return this.#sorted;
  }
}

/** What is committed, with its history, in memory. */
export class GraphStore {
  readonly #predicates = new Map<string, PredicateCells>();
  #oldest = 0;

  apply(changes: Changes, ts: number): void {
    for (const [predicate, cells] of changes)
      for (const [uid, posting] of cells) {
        const column = this.#column(predicate);
        const versions = column.cells.get(uid) ?? column.add(uid);
        versions.push({ ts, posting });
        if (versions.length > VERSIONS_KEPT) versions.shift();
        for (const { value } of posting.values())
          if (value !== undefined) {
            const nodes = column.byValue.get(value.text) ?? new Set();
            column.byValue.set(value.text, nodes.add(uid));
          }
      }
  }

  read(predicate: string, uid: number, ts: number): Posting {
    const versions = this.#predicates.get(predicate)?.cells.get(uid);
    if (versions === undefined) return EMPTY;
    if (ts < this.#oldest) throw tooOld();
    for (let i = versions.length - 1; i >= 0; i--) {
      const version = versions[i] as Version;
      if (version.ts <= ts) return version.posting;
    }
    if (versions.length === VERSIONS_KEPT) throw tooOld();
    return EMPTY;
  }

  /** Nodes that may have the value. */
  candidates(predicate: string, text: string): Iterable<number> {
    return this.#predicates.get(predicate)?.byValue.get(text) ?? [];
  }

  /** Nodes that ever had the predicate, in order. */
  uids(predicate: string): readonly number[] {
    return this.#predicates.get(predicate)?.uids() ?? [];
  }

  /** Snapshots before `ts` can no longer be read, as after Dgraph has rolled its lists up. */
  forgetBefore(ts: number): void {
    this.#oldest = ts;
  }

  clear(): void {
    this.#predicates.clear();
  }

  #column(predicate: string): PredicateCells {
    let column = this.#predicates.get(predicate);
    if (column === undefined) {
      column = new PredicateCells();
      this.#predicates.set(predicate, column);
    }
    return column;
  }
}

function tooOld(): Refusal {
  return new Refusal("Transaction is too old", status.UNKNOWN);
}
