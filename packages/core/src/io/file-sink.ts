import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { type Sink, type SinkCommit, type SinkWriter, WriteError, type WriteOutcome } from "../connector.js";
import { messageOf, preview, StreamError } from "../errors.js";
import { fileNodeName } from "./file-source.js";
import { OutsideWork } from "./outside-work.js";

/** A disk can be cleaned up, a descriptor can become free. */
const PASSING: readonly string[] = ["ENOSPC", "EDQUOT", "EAGAIN", "EBUSY", "EMFILE", "ENFILE", "EINTR"];

/**
 * Writes a line a value to a file, as UTF-8, in the order they come. The file belongs to the topology: a start without a checkpoint
 * begins it anew, as `>` in a shell does; its directory must exist. Under a checkpoint it is exactly-once: each checkpoint saves the
 * file's length, after an fsync, and a restart cuts the file back to it.
 *
 * A value that is not a string or holds a line feed is refused as poison (`E_FILE_VALUE`), since it would read back as something
 * else; the others are written. A failed write leaves nothing behind. A full disk counts as transient, any other failure of the file
 * as fatal (`E_FILE_WRITE`). Opening fails with `E_SINK` when the file can not be opened, is shorter than the checkpoint says, or is
 * written by another task of this sink.
 *
 * @example
 * ```ts
 * import { fileSink, from } from "@millrace/core";
 * await from(["a", "b"]).to(fileSink("out.txt")).run();
 * ```
 */
export function fileSink(path: string): Sink<string> {
  const name = fileNodeName(path);
  return {
    name,
    writes: "append",
    rollsBack: true,
    concurrency: 1,
    async connect({ clock }) {
      const work = new OutsideWork(clock);
      let opening: Promise<FileWriter> | undefined;
      return {
        async open(_, state) {
          if (opening !== undefined)
            throw failed(path, name, "is written by another task already: one file takes one task");
          const free = (): void => {
            opening = undefined;
          };
          opening = work.run(() => openWriter({ path, name, work }, state, free));
          opening.catch(free);
          return opening;
        },
        close: async () => {
          try {
            await (await opening?.catch(() => undefined))?.close();
          } finally {
            work.end();
          }
        },
      };
    },
  };
}

interface SinkFile {
  readonly path: string;
  readonly name: string;
  readonly work: OutsideWork;
}

async function openWriter(file: SinkFile, state: Uint8Array | undefined, onClose: () => void): Promise<FileWriter> {
  const { path, name } = file;
  const length = state === undefined ? 0 : savedLength(path, name, state);
  return new FileWriter(file, await openAt(path, name, length), length, onClose);
}

function failed(path: string, name: string, what: string, cause?: unknown): StreamError {
  return new StreamError("E_SINK", `fileSink(${JSON.stringify(path)}): the file ${what}`, {
    operator: name,
    ...(cause === undefined ? {} : { cause }),
  });
}

function savedLength(path: string, name: string, state: Uint8Array): number {
  const text = Buffer.from(state).toString("latin1");
  if (!/^\d{1,15}$/.test(text)) throw failed(path, name, `has a saved length that is none: ${preview(text)}`);
  return Number(text);
}

/** The file cut to `length`. */
async function openAt(path: string, name: string, length: number): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r+").catch((error) => {
      if (error.code !== "ENOENT") throw error;
      return open(path, "w+");
    });
    const { size } = await handle.stat();
    if (size < length)
      throw failed(path, name, `has ${size} bytes and the checkpoint says ${length}: it was cut or replaced since`);
    await handle.truncate(length);
    await syncDirectory(dirname(path));
    return handle;
  } catch (cause) {
    await handle?.close();
    throw cause instanceof StreamError
      ? cause
      : failed(path, name, `can not be opened for writing: ${messageOf(cause)}`, cause);
  }
}

/** A new file's name is durable only with its directory. Some systems can not do that, and need not. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const handle = await open(path, "r");
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (!["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP"].includes((error as NodeJS.ErrnoException).code ?? ""))
      throw error;
  }
}

class FileWriter implements SinkWriter<string> {
  readonly #file: SinkFile;
  readonly #handle: FileHandle;
  readonly #onClose: () => void;
  /** Bytes of whole writes. What a failed one left behind it is cut off before anything else is done. */
  #length: number;
  #torn = false;
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(file: SinkFile, handle: FileHandle, length: number, onClose: () => void) {
    this.#file = file;
    this.#handle = handle;
    this.#length = length;
    this.#onClose = onClose;
  }

  async write(values: readonly string[]): Promise<void | readonly WriteOutcome[]> {
    const outcomes = values.map(
      (value): WriteOutcome => (typeof value === "string" && !value.includes("\n") ? "written" : refusal(value)),
    );
    const lines = values.filter((_, i) => outcomes[i] === "written");
    if (lines.length > 0) await this.#inTurn(() => this.#append(Buffer.from(`${lines.join("\n")}\n`)));
    return lines.length === values.length ? undefined : outcomes;
  }

  flush(): Promise<SinkCommit> {
    return this.#inTurn(async () => {
      await this.#mend();
      await this.#handle.sync();
      return { state: Buffer.from(String(this.#length)) };
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#inTurn(() => this.#mend())
      .finally(() => this.#file.work.run(() => this.#handle.close()))
      .finally(() => this.#onClose());
    return this.#closing;
  }

  /** One after another, whatever the caller does: two writes at once would take the same place. */
  #inTurn<R>(action: () => Promise<R>): Promise<R> {
    const done = this.#file.work
      .run(() => this.#turn.then(action))
      .catch((cause) => {
        const code = (cause as NodeJS.ErrnoException).code ?? "";
        const errorClass = PASSING.includes(code) ? "transient" : "fatal";
        throw new WriteError(
          errorClass,
          "E_FILE_WRITE",
          `fileSink(${JSON.stringify(this.#file.path)}): the file can not be written: ${messageOf(cause)}`,
          { cause },
        );
      });
    this.#turn = done.catch(() => {});
    return done;
  }

  async #append(bytes: Buffer): Promise<void> {
    await this.#mend();
    this.#torn = true;
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#length + done);
      done += bytesWritten;
    }
    this.#length += bytes.length;
    this.#torn = false;
  }

  async #mend(): Promise<void> {
    if (!this.#torn) return;
    await this.#handle.truncate(this.#length);
    this.#torn = false;
  }
}

function refusal(value: unknown): WriteOutcome {
  const why =
    typeof value === "string"
      ? "it holds a line feed and would read back as several lines"
      : `it is no string but a ${typeof value}`;
  return { class: "poison", code: "E_FILE_VALUE", message: `a line can not be made of ${preview(value)}: ${why}` };
}
