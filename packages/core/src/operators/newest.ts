import type { OperatorSpec, Stage } from "../stage.js";

/** Only the newest value of each batch: for an end that asks for no other. */
export function newest(): OperatorSpec {
  return { kind: "newest", origins: "keep", make: () => NEWEST };
}

const NEWEST: Stage = {
  step: { kind: "newest" },
  onBatch: (batch, emit) => {
    const count = batch.values.length;
    emit(batch.slice(count - 1, count));
  },
};
