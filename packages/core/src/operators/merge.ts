import type { Origin } from "../element.js";
import { Batch, type Emit, type OperatorSpec, type Stage } from "../stage.js";
import { child } from "./outputs.js";

/** The values of all inputs as they come. The number of the input is added to their ids, so that one value on two ways stays two. */
export function merge(): OperatorSpec {
  return { kind: "merge", origins: "derive", make: () => MERGE };
}

const MERGE: Stage = {
  onBatch: (batch: Batch, emit: Emit, input: number) => {
    const { values, times, keys, origins, marks, partition } = batch;
    if (origins === null) emit(batch);
    else
      emit(
        new Batch(
          values,
          times,
          keys,
          origins.map((origin) => child(origin, input)) as readonly Origin[],
          marks,
          partition,
        ),
      );
  },
};
