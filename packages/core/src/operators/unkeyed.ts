import { Batch, type OperatorSpec, type Stage } from "../stage.js";

/** Drops the key: what follows is over all values again. */
export function unkeyed(): OperatorSpec {
  return { kind: "unkeyed", origins: "keep", make: () => UNKEYED };
}

const UNKEYED: Stage = {
  onBatch: (batch, emit) => {
    const { values, times, origins, marks, partition } = batch;
    emit(new Batch(values, times, null, origins, marks, partition));
  },
};
