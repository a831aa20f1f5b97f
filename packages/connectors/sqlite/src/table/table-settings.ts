import type { TablePlan } from "./table-plan.js";

/** A table's options with every default filled in. */
export interface TableSettings {
  readonly path: string;
  readonly system: string;
  readonly plan: TablePlan;
  readonly maxBuffer: number;
}
