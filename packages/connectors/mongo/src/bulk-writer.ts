import {
  messageOf,
  type SinkWriter,
  untilAborted,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "@millrace/core";
import { type AnyBulkWriteOperation, BSON, type BulkWriteOptions, type Collection, MongoBulkWriteError } from "mongodb";
import { classify, classOfCode, codeName, DUPLICATE_KEY } from "./mongo-errors.js";
import { type MongoWrite, modelOf, targetOf } from "./mongo-write.js";
import { refusalText } from "./refusal-text.js";

/** The server's limit of a document. */
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** A write and its value's place in the batch. */
export interface PlacedWrite {
  readonly place: number;
  readonly write: MongoWrite;
  readonly model: AnyBulkWriteOperation;
}

type Refusal = Exclude<WriteOutcome, "written">;

/** Writes each batch at once and tells what became of each value. */
export class BulkWriter<T> implements SinkWriter<T> {
  readonly #collection: Collection;
  readonly #write: (value: T) => MongoWrite | undefined;
  readonly #timeoutMs: number;

  /** A connection that is silent for `timeoutMs` while it writes is given up. */
  constructor(collection: Collection, write: (value: T) => MongoWrite | undefined, timeoutMs: number) {
    this.#collection = collection;
    this.#write = write;
    this.#timeoutMs = timeoutMs;
  }

  async write(values: readonly T[], { signal }: WriteContext): Promise<readonly WriteOutcome[]> {
    if (signal.aborted) throw aborted();
    const outcomes = new Array<WriteOutcome>(values.length).fill("written");
    await untilAborted(this.#writeAll(placeWrites(values, this.#write, outcomes), outcomes), signal, aborted);
    return outcomes;
  }

  async close(): Promise<void> {}

  async #writeAll(writes: readonly PlacedWrite[], outcomes: WriteOutcome[]): Promise<void> {
    let left = writes;
    while (left.length > 0) {
      const ordered = needsOrder(left);
      const stoppedAt = await this.#bulk(left, ordered, outcomes);
      if (stoppedAt === undefined) return;
      const { place } = left[stoppedAt] as PlacedWrite;
      const failed = outcomes[place] as WriteOutcome;
      left = left.slice(stoppedAt + 1);
      // Behind a value that is refused for good the others go on. Behind one that is tried again they wait, or an older value would replace a newer one.
      if (failed !== "written" && failed.class !== "poison")
        for (const later of left)
          outcomes[later.place] = {
            class: "transient",
            code: "E_MONGO_STOPPED",
            message: "a write before it in the batch failed and is tried again first",
          };
      if (failed !== "written" && failed.class !== "poison") return;
    }
  }

  /** Where an ordered bulk write stopped; undefined: it has done all it could. */
  async #bulk(writes: readonly PlacedWrite[], ordered: boolean, outcomes: WriteOutcome[]): Promise<number | undefined> {
    try {
      await this.#collection.bulkWrite(
        writes.map(({ model }) => model),
        // Of each command the driver takes this, though only a client's is in its types.
        { ordered, socketTimeoutMS: this.#timeoutMs } as BulkWriteOptions,
      );
      return undefined;
    } catch (error) {
      return this.#settle(error, writes, ordered, outcomes);
    }
  }

  async #settle(
    error: unknown,
    writes: readonly PlacedWrite[],
    ordered: boolean,
    outcomes: WriteOutcome[],
  ): Promise<number | undefined> {
    const failures = error instanceof MongoBulkWriteError ? failuresOf(error) : [];
    if (failures.length === 0 && !(error instanceof MongoBulkWriteError)) {
      // Nothing was sent: the driver refuses the whole batch for one document that it can not send.
      const sound = writes.filter(({ place, model }) => {
        const refusal = refusalOfDriver(model);
        if (refusal !== undefined) outcomes[place] = refusal;
        return refusal === undefined;
      });
      if (sound.length === writes.length) throw classify(error);
      await this.#writeAll(sound, outcomes);
      return undefined;
    }
    const whole = wholeFailure(error as MongoBulkWriteError, failures);
    if (whole !== undefined) {
      if (failures.length === 0) throw whole;
      // What is not named may be written or not.
      for (const { place } of writes)
        outcomes[place] = { class: whole.class, code: whole.code, message: whole.message };
    }
    for (const { index, code, message } of failures) {
      const { write, place } = writes[index] as PlacedWrite;
      outcomes[place] = outcomeOf(write, code, message);
    }
    return ordered && whole === undefined ? failures[0]?.index : undefined;
  }
}

/** The driver's form of each value that writes something; a value that has none is refused. */
export function placeWrites<T>(
  values: readonly T[],
  write: (value: T) => MongoWrite | undefined,
  outcomes: WriteOutcome[],
): PlacedWrite[] {
  const writes: PlacedWrite[] = [];
  values.forEach((value, place) => {
    try {
      const wanted = write(value);
      if (wanted !== undefined) writes.push({ place, write: wanted, model: modelOf(wanted) });
    } catch (error) {
      outcomes[place] = { class: "poison", code: "E_MONGO_VALUE", message: messageOf(error) };
    }
  });
  return writes;
}

/**
 * An unordered bulk write is free to change the order, and the driver sends all inserts and updates before all deletes: so whatever is written twice, and deletes beside
 * other writes, which may make room under a unique index, go in order.
 */
export function needsOrder(writes: readonly PlacedWrite[]): boolean {
  const seen = new Set<string>();
  let deletes = 0;
  for (const { write } of writes) {
    const target = targetOf(write);
    if (target === undefined || seen.has(target)) return true;
    seen.add(target);
    if (write.kind === "delete") deletes++;
  }
  return deletes > 0 && deletes < writes.length;
}

/** Why the driver can not send a write; undefined: it can. */
export function refusalOfDriver(model: AnyBulkWriteOperation): Refusal | undefined {
  try {
    const bytes = BSON.calculateObjectSize(model);
    if (bytes <= MAX_DOCUMENT_BYTES) {
      BSON.serialize(model);
      return undefined;
    }
    return {
      class: "poison",
      code: "E_MONGO_TOO_LARGE",
      message: `MongoDB takes documents of at most ${MAX_DOCUMENT_BYTES} bytes; this write has ${bytes}`,
    };
  } catch (error) {
    return { class: "poison", code: "E_MONGO_VALUE", message: messageOf(error) };
  }
}

/** What became of a write that the server refused. */
export function outcomeOf(write: MongoWrite, code: number, message: string): WriteOutcome {
  // Two upserts of one new document: the other one made it, so a second try finds it.
  const raced = code === DUPLICATE_KEY && write.kind !== "model" && /\b_id_\b/.test(message);
  if (raced && write.kind === "insertIgnore") return "written";
  return { class: raced ? "conflict" : classOfCode(code), code: codeName(code), message: `MongoDB: ${message}` };
}

interface Failure {
  readonly index: number;
  readonly code: number;
  readonly message: string;
}

/** The refusals by value, of the groups before a group that broke off too. */
function failuresOf(error: MongoBulkWriteError): Failure[] {
  const own = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  const all = error.result?.getWriteErrors?.() ?? [];
  return (all.length >= own.length ? all : own).map((failure) => ({
    index: failure.index,
    code: failure.code,
    message: refusalText(failure),
  }));
}

/** What is wrong beside the refused values: a connection that broke, a write concern that was not met. */
function wholeFailure(error: MongoBulkWriteError, failures: readonly Failure[]): WriteError | undefined {
  const concern = error.result?.getWriteConcernError?.();
  if (concern !== undefined)
    return new WriteError(
      "unknown-outcome",
      "E_MONGO_WRITE_CONCERN",
      `MongoDB has the writes, and no majority of its members said so in time: ${concern.errmsg}`,
      { cause: error },
    );
  const inner: unknown = error.errorResponse;
  if (failures.length === 0 || (inner instanceof Error && inner !== error)) return classify(error);
  return undefined;
}

export function aborted(): WriteError {
  return new WriteError("fatal", "E_MONGO_ABORTED", "the run is over: nothing more is written");
}
