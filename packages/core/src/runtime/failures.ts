import { type PoisonValue, WriteError } from "../connector.js";
import { childOrigin, type Origin } from "../element.js";
import { messageOf, preview, StreamError } from "../errors.js";
import type { DeadLetter, ErrorClass } from "../policy.js";
import { Batch } from "../stage.js";

/** Of which class and code a failure is. What a user's function throws is `poison`: another try would fail the same way. */
export function classify(
  error: unknown,
  otherwise: ErrorClass,
): { readonly class: ErrorClass; readonly code: string; readonly message: string } {
  if (error instanceof WriteError) return { class: error.class, code: error.code, message: error.message };
  if (error instanceof StreamError) return { class: "poison", code: error.code, message: error.message };
  return { class: otherwise, code: otherwise === "poison" ? "E_OPERATOR" : "E_SINK", message: messageOf(error) };
}

/** The error that ends a run because of one value: names the operator, the value and where it came from. */
export function operatorFailure(
  error: unknown,
  operator: string,
  value: unknown,
  origin: Origin | undefined,
): StreamError {
  const { code, message } = classify(error, "poison");
  const from =
    origin === undefined ? "" : ` (from ${origin.source}, partition ${origin.partition}, offset ${origin.offset})`;
  return new StreamError(
    error instanceof StreamError ? error.code : "E_OPERATOR",
    `operator "${operator}" failed on ${preview(value)}${from}: ${code === "E_OPERATOR" ? message : `${code}: ${message}`.replace(`${code}: ${code}: `, `${code}: `)}`,
    {
      cause: error,
      operator,
    },
  );
}

/** One dead letter as a batch of its own, beside the columns of the value it is for. */
export function deadLetterBatch<T>(letter: DeadLetter<T>, batch: Batch, index: number): Batch<DeadLetter<T>> {
  return new Batch(
    [letter],
    batch.times === null ? null : [batch.times[index] as number],
    batch.keys === null ? null : [batch.keys[index] as never],
    batch.origins === null ? null : [batch.origins[index] as Origin],
    null,
    batch.partition,
  );
}

/** The ids of a batch's values, by the number of the input they came on where there are several. */
export function originsOfInput(batch: Batch, input: number, inputs: number): readonly (Origin | undefined)[] | null {
  if (batch.origins === null || inputs === 1) return batch.origins;
  return batch.origins.map((origin) => (origin === undefined ? undefined : childOrigin(origin, input)));
}

/** The error that ends a run because a source's value could not be decoded. */
export function decodeFailure(source: string, partition: string, poison: PoisonValue): StreamError {
  return new StreamError(
    "E_DECODE",
    `a value of source "${source}" (partition ${partition}, offset ${poison.offset}) can not be decoded: ${poison.error.code}: ${poison.error.message}. Give the stream below the source an onError target to keep such values aside`,
    { operator: source },
  );
}

/** Dead letters for values that could not be decoded: they have bytes instead of a value. */
export function poisonBatch(
  source: string,
  partition: string,
  poison: readonly PoisonValue[],
  now: number,
  topology: string,
): Batch<DeadLetter<unknown>> {
  const origins = poison.map(({ offset }): Origin => ({ source, partition, offset, index: "" }));
  const letters = poison.map(({ raw, error }, i): DeadLetter<unknown> => {
    return {
      value: undefined,
      raw,
      error: { class: "poison", ...error },
      operator: source,
      origin: origins[i],
      attempts: 1,
      firstSeen: now,
      topology,
    };
  });
  return new Batch(letters, null, null, origins, null, partition);
}
