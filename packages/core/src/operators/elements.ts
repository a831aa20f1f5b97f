import type { Element, Key } from "../element.js";
import type { Batch, OperatorSpec, Stage } from "../stage.js";

/** Each value with its key, event time and origin; undefined where the stream has none. */
export function elements(): OperatorSpec {
  return { kind: "elements", reads: { times: true, keys: true, origins: true }, origins: "keep", make: () => ELEMENTS };
}

const ELEMENTS: Stage = {
  onBatch: (batch, emit) => {
    emit(batch.withValues(elementsOf(batch)));
  },
};

function elementsOf({ values, keys, times, origins }: Batch): Element<Key | undefined, unknown>[] {
  return values.map((value, i) => ({ value, key: keys?.[i], time: times?.[i], origin: origins?.[i] }));
}
