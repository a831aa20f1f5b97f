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

/** A kind of fault that {@link Faults} can ask for. */
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

/** Delays leave out checkpoints, so a run with faults can have fewer occasions than one without: all its faults fall into this share of them. */
const EARLY_SHARE = 0.6;

/** Distinct places in a run. */
function choose(count: number, occasions: number, random: () => number): Set<number> {
  const places = new Set<number>();
  const early = Math.max(1, Math.floor(occasions * EARLY_SHARE));
  const wanted = occasions === 0 ? 0 : Math.min(count, early);
  while (places.size < wanted) places.add(Math.floor(random() * early));
  return places;
}
