import type { Key } from "../element.js";
import type { Batch, StageContext } from "../stage.js";
import { KeyedState } from "../state/keyed-state.js";
import { ALL, KeyedStage } from "./keyed-stage.js";

/** Counts values up to a limit, all of them or by key: what `take` and `skip` share. The counts are state. */
export abstract class LimitStage extends KeyedStage<number> {
  protected readonly limit: number;

  constructor(context: StageContext, limit: number, name: string | undefined, keyed: boolean) {
    super(context, new KeyedState<number>({ where: name ?? context.operator, named: name !== undefined }), keyed);
    this.limit = limit;
  }

  /** How many were counted on a stream without keys. */
  protected get counted(): number {
    return this.state.find(ALL, Number.NaN)?.state ?? 0;
  }

  /** Counts the first values of a batch that fit below the limit; how many did. */
  protected count(batch: Batch): number {
    const cell = this.state.find(ALL, Number.NaN);
    const before = cell?.state ?? 0;
    const fitting = Math.min(batch.values.length, this.limit - before);
    if (fitting > 0) this.write(ALL, cell, before + fitting, Number.NaN, batch, 0);
    return fitting;
  }

  /** Counts each value for its key; the places of those that were counted, or of those that found the limit reached. */
  protected countByKey(batch: Batch, wanted: "counted" | "beyond"): number[] {
    const keys = batch.keys as readonly Key[];
    const places: number[] = [];
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as Key;
      const cell = this.state.find(key, Number.NaN);
      const before = cell?.state ?? 0;
      const beyond = before >= this.limit;
      if (!beyond) this.write(key, cell, before + 1, Number.NaN, batch, i);
      if (beyond === (wanted === "beyond")) places.push(i);
    }
    return places;
  }
}
