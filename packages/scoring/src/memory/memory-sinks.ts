import type { Sink } from "@millrace/core";
import type { StoreSinks } from "../ports/scoring-ports.js";
import { rowKey, STORE_NAMES, STORES, type StoreName, type StoreRow } from "../ports/stores.js";
import type { Unsteady } from "./unsteady.js";

type AnyRow = Readonly<Record<string, string | number | Uint8Array | null>>;

/** The derived stores in memory: rows by key, the larger version first, else the last one written. */
export class MemoryTables {
  readonly sinks: StoreSinks;
  readonly #rows: ReadonlyMap<StoreName, Map<string, AnyRow>> = new Map(STORE_NAMES.map((name) => [name, new Map()]));

  constructor(unsteady: Unsteady) {
    const sinks = STORE_NAMES.map((name) => [name, this.#sink(name, unsteady)] as const);
    this.sinks = Object.fromEntries(sinks) as unknown as StoreSinks;
  }

  rows<Name extends StoreName>(name: Name): readonly StoreRow<Name>[] {
    return [...(this.#rows.get(name) as Map<string, AnyRow>).values()] as unknown as StoreRow<Name>[];
  }

  #sink(name: StoreName, unsteady: Unsteady): Sink<AnyRow> {
    return {
      name,
      writes: STORES[name].version === undefined ? "idempotent" : "versioned",
      connect: async () => ({
        open: async () => ({
          write: (rows) => unsteady.call(() => this.#put(name, rows)),
          close: async () => {},
        }),
        close: async () => {},
      }),
    };
  }

  #put(name: StoreName, rows: readonly AnyRow[]): void {
    const table = this.#rows.get(name) as Map<string, AnyRow>;
    const { version } = STORES[name] as { readonly version?: string };
    for (const row of rows) {
      const key = rowKey(name, row);
      const known = table.get(key);
      if (version !== undefined && known !== undefined && Number(row[version]) <= Number(known[version])) continue;
      table.set(key, row);
    }
  }
}
