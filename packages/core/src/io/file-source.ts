import { isUtf8 } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import type { Clock, PoisonValue, Source, SourceBatch, SourceReader } from "../connector.js";
import { messageOf, StreamError } from "../errors.js";
import { MAX_BATCH } from "../stage.js";
import { OutsideWork } from "./outside-work.js";
import { SinglePartition } from "./single-partition.js";
import { Wakeup } from "./wakeup.js";

const CHUNK_BYTES = 65_536;
/** A line that never ends must not take all memory. */
const MAX_LINE_BYTES = 16 * 1_024 * 1_024;
/** How often a followed file is looked at for more. */
const POLL_MS = 100;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * The lines of a UTF-8 text file, without their `\n` or `\r\n`. A line's offset is the byte it begins at, and a position is a byte
 * offset too: a restart goes on at the next line. The last line counts also without a line end. A line that is not UTF-8 goes to the
 * stream's `onError` as poison.
 *
 * With `follow: true` it never ends: it looks for more every 100 ms of the run's clock, a last line without a line end waits for it,
 * and `startAt: "latest"` begins behind the last whole line there is. It stays with the file that it opened, also when that is renamed.
 *
 * Fails with `E_SOURCE` when the file is missing or no regular file, is shorter than the saved position or shrinks while it is
 * followed, or has a line of more than 16 MB.
 *
 * @example
 * ```ts
 * import { fileSource, from } from "@millrace/core";
 * const errors = await from(fileSource("app.log")).filter((line) => line.includes("ERROR")).countAll();
 * ```
 */
export function fileSource(path: string, options: { readonly follow?: boolean } = {}): Source<string> {
  const follow = options.follow ?? false;
  const name = fileNodeName(path);
  return {
    name,
    bounded: !follow,
    async connect(context) {
      const work = new OutsideWork(context.clock);
      const file = { path, name, follow, clock: context.clock, work };
      const latest = follow && context.startAt === "latest";
      try {
        await work.run(async () => (await openFile(path, name)).close());
      } catch (error) {
        work.end();
        throw error;
      }
      return new SinglePartition(
        name,
        (position) => work.run(() => openLines(file, position, latest)),
        () => work.end(),
      );
    },
  };
}

/** A node's name from a path: the characters that a name may not have become dashes. */
export function fileNodeName(path: string): string {
  const safe = path.replaceAll(/[^A-Za-z0-9_.-]+/g, "-").replace(/^-+/, "");
  return `file-${safe.slice(-90)}`;
}

async function openFile(path: string, name: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (cause) {
    throw failed(path, name, `can not be opened: ${messageOf(cause)}`, cause);
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw failed(
    path,
    name,
    "is not a regular file: for a pipe or device use from(() => createReadStream(path)) and split its lines",
  );
}

/** A reader at `position`; without one at the begin, or behind the last whole line there is (`latest`). */
async function openLines(file: Followed, position: number | undefined, latest: boolean): Promise<LineReader> {
  const { path, name } = file;
  const handle = await openFile(path, name);
  try {
    const { size } = await handle.stat();
    if (position !== undefined && position > size)
      throw failed(
        path,
        name,
        `has ${size} bytes and the saved position is ${position}: it is not the file the checkpoint was made of`,
      );
    return new LineReader({ ...file, handle }, position ?? (latest ? await endOfLastLine(handle, size) : 0));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Behind the last line feed: what follows it is a line still being written. */
async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, end - start, start);
    const found = chunk.subarray(0, bytesRead).lastIndexOf(LINE_FEED);
    if (found >= 0) return start + found + 1;
    end = start;
  }
  return 0;
}

function failed(path: string, name: string, what: string, cause?: unknown): StreamError {
  return new StreamError("E_SOURCE", `fileSource(${JSON.stringify(path)}): the file ${what}`, {
    operator: name,
    ...(cause === undefined ? {} : { cause }),
  });
}

interface Followed {
  readonly path: string;
  readonly name: string;
  readonly follow: boolean;
  readonly clock: Clock;
  readonly work: OutsideWork;
}

interface OpenFile extends Followed {
  readonly handle: FileHandle;
}

class LineReader implements SourceReader<string> {
  readonly #file: OpenFile;
  readonly #wakeup = new Wakeup();
  /** Where #held begins in the file: always at a line's begin. */
  #offset: number;
  #held: Buffer = Buffer.alloc(0);
  /** Up to here #held has no line feed. */
  #searched = 0;
  #saidCaughtUp = false;
  #closing: Promise<void> | undefined;

  constructor(file: OpenFile, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  async read(): Promise<SourceBatch<string> | undefined> {
    while (this.#closing === undefined) {
      const lines = this.#takeLines();
      if (lines !== undefined) return lines;
      if (await this.#file.work.run(() => this.#readMore())) continue;
      if (this.#isClosing()) break;
      if (!this.#file.follow) return this.#held.length === 0 ? undefined : this.#takeRest();
      if (!this.#saidCaughtUp) {
        this.#saidCaughtUp = true;
        return { values: [], position: String(this.#offset), caughtUp: true };
      }
      await this.#file.work.run(() => this.#requireUncut());
      if (!this.#isClosing()) await this.#wakeup.waitUntil(this.#file.clock, this.#file.clock.now() + POLL_MS);
    }
    return undefined;
  }

  close(): Promise<void> {
    this.#closing ??= this.#file.work.run(() => this.#file.handle.close());
    this.#wakeup.wake();
    return this.#closing;
  }

  /** Asked again after each wait: close() may have come meanwhile. */
  #isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** All whole lines that are held, at most 1,024. */
  #takeLines(): SourceBatch<string> | undefined {
    const starts: number[] = [];
    let end = 0;
    while (starts.length < MAX_BATCH) {
      const found = this.#held.indexOf(LINE_FEED, Math.max(end, this.#searched));
      if (found < 0) break;
      starts.push(end);
      end = found + 1;
    }
    if (starts.length === 0) {
      this.#searched = this.#held.length;
      if (this.#held.length > MAX_LINE_BYTES)
        throw failed(
          this.#file.path,
          this.#file.name,
          `has a line of more than ${MAX_LINE_BYTES} bytes, at byte ${this.#offset}`,
        );
      return undefined;
    }
    return this.#take(starts, end, end - 1);
  }

  /** The last line of a file that does not end with a line feed. */
  #takeRest(): SourceBatch<string> {
    return this.#take([0], this.#held.length, this.#held.length);
  }

  /** The lines that begin at `starts`; the last one ends at `textEnd`, what is left begins at `end`. */
  #take(starts: readonly number[], end: number, textEnd: number): SourceBatch<string> {
    const block = this.#held.subarray(0, textEnd);
    const from = this.#offset;
    this.#offset += end;
    this.#held = this.#held.subarray(end);
    this.#searched = 0;
    this.#saidCaughtUp = false;
    return { ...decodeLines(block, starts, from), position: String(this.#offset), bytes: end };
  }

  /** False at the end of the file. Long lines are read in doubling steps, so that each byte is copied a constant number of times. */
  async #readMore(): Promise<boolean> {
    const length = Math.max(CHUNK_BYTES, this.#held.length);
    const grown = Buffer.allocUnsafe(this.#held.length + length);
    const { bytesRead } = await this.#file.handle.read(
      grown,
      this.#held.length,
      length,
      this.#offset + this.#held.length,
    );
    if (bytesRead === 0) return false;
    this.#held.copy(grown);
    this.#held = grown.subarray(0, this.#held.length + bytesRead);
    return true;
  }

  async #requireUncut(): Promise<void> {
    const { size } = await this.#file.handle.stat();
    const seen = this.#offset + this.#held.length;
    if (size < seen)
      throw failed(
        this.#file.path,
        this.#file.name,
        `was cut to ${size} bytes while it was followed, ${seen} had been read: what was written since is not known`,
      );
  }
}

interface DecodedLines {
  readonly values: readonly string[];
  readonly offsets: readonly number[];
  readonly poison?: readonly PoisonValue[];
}

/** Each line becomes a string of its own: a part of a longer one would keep all of it in memory. Only lines that are broken are refused. */
function decodeLines(block: Buffer, starts: readonly number[], from: number): DecodedLines {
  const values: string[] = [];
  const offsets: number[] = [];
  const poison: PoisonValue[] = [];
  const sound = isUtf8(block);
  for (const [i, start] of starts.entries()) {
    const next = starts[i + 1];
    const end = next === undefined ? block.length : next - 1;
    const offset = from + start;
    if (sound || isUtf8(block.subarray(start, end))) {
      values.push(block.toString("utf8", start, block[end - 1] === CARRIAGE_RETURN ? end - 1 : end));
      offsets.push(offset);
    } else {
      poison.push({
        offset,
        raw: Uint8Array.from(block.subarray(start, end)),
        error: { code: "E_DECODE", message: "the line is not valid UTF-8" },
      });
    }
  }
  return poison.length === 0 ? { values, offsets } : { values, offsets, poison };
}
