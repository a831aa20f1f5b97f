import type { from, merge, reduce } from "ix/asynciterable";
import type { buffer, concatMap, filter, map, mergeAll, publish } from "ix/asynciterable/operators";
import type { Engine } from "../engine.js";

/** The part of IxJS that the workloads use, from one of its builds. */
export interface Ix {
  readonly from: typeof from;
  readonly merge: typeof merge;
  readonly reduce: typeof reduce;
  readonly buffer: typeof buffer;
  readonly concatMap: typeof concatMap;
  readonly filter: typeof filter;
  readonly map: typeof map;
  readonly mergeAll: typeof mergeAll;
  readonly publish: typeof publish;
}

/**
 * The default build has its async generators compiled down to ES5 helpers and is several times slower than the esnext one, so both are
 * measured.
 */
export async function loadIx(engine: Engine): Promise<Ix> {
  const [base, operators] =
    engine === "ix-esnext"
      ? await Promise.all([
          import("@reactivex/ix-esnext-esm/asynciterable"),
          import("@reactivex/ix-esnext-esm/asynciterable/operators"),
        ])
      : await Promise.all([import("ix/asynciterable"), import("ix/asynciterable/operators")]);
  return { ...operators, ...base } as unknown as Ix;
}
