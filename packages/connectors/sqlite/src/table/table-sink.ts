import type {
  BatchPolicy,
  Health,
  RuntimeContext,
  Sink,
  SinkCommit,
  SinkConnection,
  SinkWriter,
  WriteOutcome,
} from "@millrace/core";
import { ByteWriter } from "../file/bytes.js";
import { messageOf, requireArgument, streamError, writeError } from "../file/error-forms.js";
import { FileFailure } from "../file/failure.js";
import { acquireFile, type FileHandle } from "../file/file-thread.js";
import { healthOf } from "../file/health.js";
import { PartBuffer, SinkPayload } from "../file/sink-payload.js";
import { packRow } from "./row-bytes.js";
import type { RefusedRow } from "./table-rows.js";
import type { TableSettings } from "./table-settings.js";

/** Options of a table's `sink()`. */
export interface TableSinkOptions<T, R> {
  /** Makes the row of a value. */
  readonly row: (value: T) => R;
  /** The sink's name. Default: the table's. */
  readonly name?: string;
}

const BATCH: BatchPolicy = { size: 1_024 };

/** The table as a sink. */
export function tableSink<T, R>(settings: TableSettings, { row, name }: TableSinkOptions<T, R>): Sink<T> {
  const { plan, path, system } = settings;
  requireArgument(typeof row === "function", `sqliteTable "${plan.table}".sink(): row must be a function`);
  return {
    name: name ?? plan.table,
    writes: plan.version === undefined ? "idempotent" : "versioned",
    system,
    metadata: false,
    batch: BATCH,
    connect: async (context) => {
      let handle: FileHandle | undefined;
      try {
        handle = await acquireFile(path);
        const { own } = await handle.call("defineTable", { plan });
        return new TableSinkConnection({ settings, row, context, handle, own });
      } catch (error) {
        await handle?.release();
        throw streamError(error, path);
      }
    },
  };
}

interface WriterParts<T> {
  readonly settings: TableSettings;
  readonly row: (value: T) => unknown;
  readonly context: RuntimeContext;
  readonly handle: FileHandle;
  /** The table has no constraint but those every row is checked for before it is sent. */
  readonly own: boolean;
}

class TableSinkConnection<T> implements SinkConnection<T> {
  readonly #parts: WriterParts<T>;

  constructor(parts: WriterParts<T>) {
    this.#parts = parts;
  }

  async open(): Promise<SinkWriter<T>> {
    const { settings, context } = this.#parts;
    return context.transactionalSystem === settings.system
      ? new TransactionalWriter(this.#parts)
      : new DirectWriter(this.#parts);
  }

  health(): Promise<Health> {
    return healthOf(this.#parts.handle, this.#parts.context.clock);
  }

  close(): Promise<void> {
    return this.#parts.handle.release();
  }
}

/** Writes each batch in a transaction of its own. */
class DirectWriter<T> implements SinkWriter<T> {
  readonly #parts: WriterParts<T>;
  readonly #bytes = new ByteWriter(64 * 1_024);

  constructor(parts: WriterParts<T>) {
    this.#parts = parts;
  }

  async write(values: readonly T[]): Promise<void | readonly WriteOutcome[]> {
    const { handle, settings } = this.#parts;
    const { places, outcomes } = packAll(this.#parts, values, this.#bytes);
    if (places.length === 0) return outcomes;
    const rows = this.#bytes.take();
    try {
      return withRefused(
        outcomes,
        places,
        await handle.call("upsert", { plan: settings.plan, rows }, [rows.buffer]),
        values.length,
      );
    } catch (error) {
      throw writeError(error, settings.path);
    }
  }

  async close(): Promise<void> {}
}

/** Holds the rows until the checkpoint store of the same file commits them with the state and positions they follow from. */
class TransactionalWriter<T> implements SinkWriter<T> {
  readonly #parts: WriterParts<T>;
  readonly #buffer: PartBuffer;
  readonly #bytes = new ByteWriter(64 * 1_024);

  constructor(parts: WriterParts<T>) {
    const { plan, maxBuffer } = parts.settings;
    this.#parts = parts;
    this.#buffer = new PartBuffer(`table "${plan.table}"`, maxBuffer);
  }

  async write(values: readonly T[]): Promise<void | readonly WriteOutcome[]> {
    const { handle, settings, own } = this.#parts;
    const { plan, path } = settings;
    const { places, outcomes } = packAll(this.#parts, values, this.#bytes);
    if (places.length === 0) return outcomes;
    const rows = this.#bytes.take();
    try {
      // A row that the commit would refuse must be found now, while it can still become a dead letter.
      const refused = own ? [] : await handle.call("rehearse", { plan, rows });
      if (refused.length > 0) return await this.#withoutRefused(values, outcomes, places, refused);
      this.#buffer.add({ kind: "rows", upsert: { plan, rows } }, rows.length);
      return outcomes;
    } catch (error) {
      throw writeError(error, path);
    }
  }

  async flush(): Promise<void | SinkCommit> {
    const parts = this.#buffer.take();
    if (parts.length === 0) return;
    return { commit: new SinkPayload(this.#parts.settings.system, parts, () => {}) };
  }

  async close(): Promise<void> {}

  async #withoutRefused(
    values: readonly T[],
    outcomes: readonly WriteOutcome[] | undefined,
    places: readonly number[],
    refused: readonly RefusedRow[],
  ): Promise<readonly WriteOutcome[]> {
    const all = withRefused(outcomes, places, refused, values.length) as readonly WriteOutcome[];
    const good = values.filter((_, i) => all[i] === "written");
    if (good.length > 0) {
      const { plan } = this.#parts.settings;
      packAll(this.#parts, good, this.#bytes);
      const rows = this.#bytes.take();
      this.#buffer.add({ kind: "rows", upsert: { plan, rows } }, rows.length);
    }
    return all;
  }
}

interface Packed {
  /** Which value each packed row is of. */
  readonly places: readonly number[];
  /** Undefined: all could be packed. */
  readonly outcomes: WriteOutcome[] | undefined;
}

function packAll<T>({ row, settings }: WriterParts<T>, values: readonly T[], writer: ByteWriter): Packed {
  const places: number[] = [];
  let outcomes: WriteOutcome[] | undefined;
  values.forEach((value, i) => {
    try {
      packRow(row(value), settings.plan, writer);
      places.push(i);
    } catch (error) {
      outcomes ??= values.map(() => "written");
      outcomes[i] = {
        class: "poison",
        code: error instanceof FileFailure ? error.code : "E_SQLITE_ROW",
        message: messageOf(error),
      };
    }
  });
  return { places, outcomes };
}

function withRefused(
  outcomes: readonly WriteOutcome[] | undefined,
  places: readonly number[],
  refused: readonly RefusedRow[],
  count: number,
): readonly WriteOutcome[] | undefined {
  if (refused.length === 0) return outcomes;
  const all: WriteOutcome[] = outcomes === undefined ? Array.from({ length: count }, () => "written") : [...outcomes];
  for (const { place, failure } of refused) all[places[place] as number] = failure;
  return all;
}
