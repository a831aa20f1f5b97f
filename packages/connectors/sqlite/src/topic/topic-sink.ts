import type {
  BatchPolicy,
  Health,
  Origin,
  OutMessage,
  RuntimeContext,
  Sink,
  SinkCommit,
  SinkConnection,
  SinkWriter,
  Task,
  WriteContext,
  WriteOutcome,
} from "@millrace/core";
import { ByteWriter } from "../file/bytes.js";
import { messageOf, requireArgument, streamError, writeError } from "../file/error-forms.js";
import { FileFailure } from "../file/failure.js";
import { acquireFile, type FileHandle } from "../file/file-thread.js";
import { healthOf } from "../file/health.js";
import { PartBuffer, SinkPayload } from "../file/sink-payload.js";
import { announceAppend } from "./append-signal.js";
import type { FlushMark, WriterFacts } from "./id-memory.js";
import { packMessage } from "./message-bytes.js";
import type { TopicSettings } from "./topic-settings.js";
import type { TopicFacts } from "./topic-tables.js";

/** Options of a topic's `sink()`. */
export interface TopicSinkOptions<T> {
  /** Makes a message of a value. Its timestamp is the value's event time unless it names one, and without either the clock's. */
  readonly encode: (value: T) => OutMessage;
}

const BATCH: BatchPolicy = { size: 1_024 };

/** The topic as a sink: idempotent by the values' ids, and part of the checkpoint's commit where the store is in the same file. */
export function topicSink<T>(settings: TopicSettings, { encode }: TopicSinkOptions<T>): Sink<T> {
  requireArgument(typeof encode === "function", `sqliteTopic "${settings.name}".sink(): encode must be a function`);
  return {
    name: settings.name,
    writes: "idempotent",
    system: settings.system,
    batch: BATCH,
    connect: (context) => TopicSinkConnection.open(settings, encode, context),
  };
}

/** What the writers of one sink share. */
interface WriterParts<T> {
  readonly settings: TopicSettings;
  readonly encode: (value: T) => OutMessage;
  readonly context: RuntimeContext;
  readonly handle: FileHandle;
  readonly topic: TopicFacts;
}

class TopicSinkConnection<T> implements SinkConnection<T> {
  readonly #parts: WriterParts<T>;

  static async open<T>(
    settings: TopicSettings,
    encode: (value: T) => OutMessage,
    context: RuntimeContext,
  ): Promise<TopicSinkConnection<T>> {
    let handle: FileHandle | undefined;
    try {
      handle = await acquireFile(settings.path);
      const topic = await handle.call("defineTopic", { name: settings.name, partitions: settings.partitions });
      return new TopicSinkConnection({ settings, encode, context, handle, topic });
    } catch (error) {
      await handle?.release();
      throw streamError(error, settings.path);
    }
  }

  private constructor(parts: WriterParts<T>) {
    this.#parts = parts;
  }

  async open({ topology, partitions }: Task, state: Uint8Array | undefined): Promise<SinkWriter<T>> {
    const { settings, context, handle } = this.#parts;
    if (context.transactionalSystem === settings.system) return new TransactionalWriter(this.#parts);
    const task = [...partitions].sort().join(",");
    try {
      const call = { topic: settings.name, topology, task, committed: parseMark(state) };
      return new DirectWriter(this.#parts, await handle.call("openWriter", call));
    } catch (error) {
      throw streamError(error, settings.path);
    }
  }

  health(): Promise<Health> {
    return healthOf(this.#parts.handle, this.#parts.context.clock);
  }

  close(): Promise<void> {
    return this.#parts.handle.release();
  }
}

/** Writes each batch in a transaction of its own, and leaves out what a replay brings again. */
class DirectWriter<T> implements SinkWriter<T> {
  readonly #parts: WriterParts<T>;
  readonly #writer: WriterFacts;
  readonly #bytes = new ByteWriter(64 * 1_024);
  #toldRepeats = false;
  #toldForgotten = false;

  constructor(parts: WriterParts<T>, writer: WriterFacts) {
    this.#parts = parts;
    this.#writer = writer;
  }

  async write(values: readonly T[], context: WriteContext): Promise<void | readonly WriteOutcome[]> {
    const { settings, handle, context: run } = this.#parts;
    const { name, path, retention } = settings;
    const outcomes = packAll(this.#parts, values, context, true, this.#bytes);
    if (this.#bytes.length === 0) return outcomes;
    const messages = this.#bytes.take();
    try {
      const result = await handle.call(
        "append",
        { topic: name, messages, now: run.clock.now(), retention, writer: this.#writer },
        [messages.buffer],
      );
      this.#tell(result);
    } catch (error) {
      throw writeError(error, path);
    }
    announceAppend(path, name);
    return outcomes;
  }

  async flush(): Promise<SinkCommit> {
    try {
      return { state: markBytes(await this.#parts.handle.call("flushWriter", { writer: this.#writer.writer })) };
    } catch (error) {
      throw writeError(error, this.#parts.settings.path);
    }
  }

  async close(): Promise<void> {}

  #tell({ repeated, idsForgotten }: { readonly repeated: number; readonly idsForgotten: boolean }): void {
    const { settings, context } = this.#parts;
    if (repeated > 0 && !this.#toldRepeats) {
      this.#toldRepeats = true;
      context.logger.info("a replay: messages that the topic already has are not appended again", {
        topic: settings.name,
        first: repeated,
      });
    }
    if (idsForgotten && !this.#toldForgotten) {
      this.#toldForgotten = true;
      context.logger.warn(
        "eight million ids without a checkpoint: older ones are forgotten, and a replay would append their messages again. Take checkpoints more often",
        { topic: settings.name },
      );
    }
  }
}

/** Holds what it is given until the checkpoint store of the same file commits it with the state and positions it follows from. */
class TransactionalWriter<T> implements SinkWriter<T> {
  readonly #parts: WriterParts<T>;
  readonly #buffer: PartBuffer;
  readonly #bytes = new ByteWriter(64 * 1_024);

  constructor(parts: WriterParts<T>) {
    this.#parts = parts;
    this.#buffer = new PartBuffer(`topic "${parts.settings.name}"`, parts.settings.maxBuffer);
  }

  async write(values: readonly T[], context: WriteContext): Promise<void | readonly WriteOutcome[]> {
    const { settings, context: run } = this.#parts;
    // No ids: what is committed with its positions is never read again.
    const outcomes = packAll(this.#parts, values, context, false, this.#bytes);
    if (this.#bytes.length === 0) return outcomes;
    const messages = this.#bytes.take();
    try {
      this.#buffer.add(
        {
          kind: "messages",
          append: { topic: settings.name, messages, now: run.clock.now(), retention: settings.retention },
        },
        messages.length,
      );
    } catch (error) {
      throw writeError(error, settings.path);
    }
    return outcomes;
  }

  async flush(): Promise<void | SinkCommit> {
    const { name, path, system } = this.#parts.settings;
    const parts = this.#buffer.take();
    if (parts.length === 0) return;
    return { commit: new SinkPayload(system, parts, () => announceAppend(path, name)) };
  }

  async close(): Promise<void> {}
}

/** Packs what can be a message; returns an outcome for each value where some can not. */
function packAll<T>(
  { encode, context, topic }: WriterParts<T>,
  values: readonly T[],
  { ids, times, origins }: WriteContext,
  withIds: boolean,
  writer: ByteWriter,
): WriteOutcome[] | undefined {
  const now = context.clock.now();
  let outcomes: WriteOutcome[] | undefined;
  values.forEach((value, i) => {
    try {
      packMessage(
        encode(value),
        { id: withIds ? messageId(ids[i], origins[i]) : undefined, time: times[i], now, partitions: topic.partitions },
        writer,
      );
    } catch (error) {
      outcomes ??= values.map(() => "written");
      outcomes[i] = {
        class: "poison",
        code: error instanceof FileFailure ? error.code : "E_SQLITE_MESSAGE",
        message: messageOf(error),
      };
    }
  });
  return outcomes;
}

/** A topic keeps every result of a window that fires again, also one that equals the result before it. */
function messageId(id: string | undefined, origin: Origin | undefined): string | undefined {
  return origin?.firing === undefined || id === undefined ? id : `${id}#${origin.firing}`;
}

function markBytes({ writer, flush }: FlushMark): Uint8Array {
  return new TextEncoder().encode(`${writer}/${flush}`);
}

/** What another sink of this name has saved, before the topology was changed, says nothing of this topic. */
function parseMark(state: Uint8Array | undefined): FlushMark | undefined {
  const match = state === undefined ? null : /^(\d+)\/(\d+)$/.exec(new TextDecoder().decode(state));
  return match === null ? undefined : { writer: Number(match[1]), flush: Number(match[2]) };
}
