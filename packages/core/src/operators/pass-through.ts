import type { OperatorSpec, Stage } from "../stage.js";

/** Passes everything on unchanged. */
export function passThrough(): OperatorSpec {
  return { kind: "passThrough", origins: "keep", make: () => PASS_THROUGH };
}

const PASS_THROUGH: Stage = {
  step: { kind: "pass" },
  onBatch: (batch, emit) => {
    emit(batch);
  },
};
