/** How many faults of each kind a simulation puts into a run. */
export interface Faults {
  /** The process dies at a random moment and is started again. */
  readonly crash?: number;
  /** A sink has written, but says that it failed, so that the engine writes again (only sinks that are idempotent or versioned). */
  readonly duplicate?: number;
  /** A read or a write takes seconds. */
  readonly delay?: number;
  /** A store's commit fails, after or before it was done. */
  readonly tornWrite?: number;
  /** A flush takes longer than the checkpoint may. */
  readonly abandonEpoch?: number;
}

export type FaultKind = keyof Faults;
export const FAULT_KINDS: readonly FaultKind[] = ["crash", "duplicate", "delay", "tornWrite", "abandonEpoch"];

/** How often each kind of fault could have happened in a run without any. */
export type Occasions = Readonly<Record<FaultKind, number>>;

/** Chooses, from a seed and the occasions of a run without faults, at which of them a fault happens, and counts those that did. */
export class FaultPlan {
  readonly happened: Record<FaultKind, number> = { crash: 0, duplicate: 0, delay: 0, tornWrite: 0, abandonEpoch: 0 };
  readonly occasions: Record<FaultKind, number> = { crash: 0, duplicate: 0, delay: 0, tornWrite: 0, abandonEpoch: 0 };
  readonly #places: ReadonlyMap<FaultKind, Set<number>>;

  constructor(faults: Faults, expected: Occasions | undefined, random: () => number) {
    this.#places = new Map(FAULT_KINDS.map((kind) => [kind, choose(faults[kind] ?? 0, expected?.[kind] ?? 0, random)]));
  }

  /** One more occasion; true: the fault happens here. */
  strikes(kind: FaultKind): boolean {
    const strikes = this.#places.get(kind)?.has(this.occasions[kind]++) === true;
    if (strikes) this.happened[kind]++;
    return strikes;
  }
}

/** Distinct places in a run. Crashes repeat work, so a run has at least as many occasions as one without faults. */
function choose(count: number, occasions: number, random: () => number): Set<number> {
  const places = new Set<number>();
  const wanted = Math.min(count, occasions);
  while (places.size < wanted) places.add(Math.floor(random() * occasions));
  return places;
}
