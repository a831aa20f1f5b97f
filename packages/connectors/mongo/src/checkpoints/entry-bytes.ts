import type { StateEntry } from "@millrace/core";

/** An entry of a segment, its bytes views of a part. A value of undefined says that the key was deleted. */
export type PackedEntry = readonly [state: string, key: Buffer, value: Buffer | undefined];

/** The length that stands for "no value". */
const DELETED = 0xffff_ffff;
/** Sorting and packing more at once would hold up everything else. */
const SLICE = 4_096;

/** The order of entries in a segment. */
export function compareEntries([leftState, leftKey]: StateEntry, [rightState, rightKey]: StateEntry): number {
  if (leftState !== rightState) return leftState < rightState ? -1 : 1;
  return Buffer.compare(leftKey, rightKey);
}

/** Sorted, each key once, the last of its changes. In slices: the event loop has its turn in between. */
export async function sortEntries(changes: readonly StateEntry[]): Promise<StateEntry[]> {
  let runs: StateEntry[][] = [];
  for (let from = 0; from < changes.length; from += SLICE) {
    if (from > 0) await turn();
    runs.push(changes.slice(from, from + SLICE).sort(compareEntries));
  }
  while (runs.length > 1) {
    const longer: StateEntry[][] = [];
    for (let i = 0; i < runs.length; i += 2) longer.push(await mergeRuns(runs[i] ?? [], runs[i + 1] ?? []));
    runs = longer;
  }
  // Sorting keeps the order of equal ones, so the last one is the newest.
  const sorted = runs[0] ?? [];
  return sorted.filter((entry, i) => {
    const next = sorted[i + 1];
    return next === undefined || compareEntries(entry, next) !== 0;
  });
}

async function mergeRuns(left: readonly StateEntry[], right: readonly StateEntry[]): Promise<StateEntry[]> {
  const merged: StateEntry[] = [];
  let [l, r] = [0, 0];
  while (l < left.length || r < right.length) {
    const [a, b] = [left[l], right[r]];
    if (b === undefined || (a !== undefined && compareEntries(a, b) <= 0)) {
      merged.push(a as StateEntry);
      l++;
    } else {
      merged.push(b);
      r++;
    }
    if (merged.length % SLICE === 0) await turn();
  }
  return merged;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Makes the parts of a segment: bytes that go on from one part to the next, so that a value may be larger than a part. */
export class PartWriter {
  readonly #partBytes: number;
  #buffer: Buffer;
  #length = 0;
  #full: Buffer[] = [];

  constructor(partBytes: number) {
    this.#partBytes = partBytes;
    this.#buffer = Buffer.allocUnsafeSlow(partBytes);
  }

  add([state, key, value]: StateEntry): void {
    this.#bytes(Buffer.from(state));
    this.#bytes(key);
    if (value === undefined) this.#u32(DELETED);
    else this.#bytes(value);
  }

  /** The parts that are full. */
  take(): Buffer[] {
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** The last part, if there is one. */
  end(): Buffer[] {
    if (this.#length === 0) return [];
    const last = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return [last];
  }

  #bytes(bytes: Uint8Array): void {
    this.#u32(bytes.length);
    this.#raw(bytes);
  }

  #u32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.#raw(bytes);
  }

  #raw(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const count = Math.min(bytes.length - from, this.#partBytes - this.#length);
      this.#buffer.set(bytes.subarray(from, from + count), this.#length);
      this.#length += count;
      from += count;
      if (this.#length < this.#partBytes) continue;
      this.#full.push(this.#buffer);
      this.#buffer = Buffer.allocUnsafeSlow(this.#partBytes);
      this.#length = 0;
    }
  }
}

/** The entries of a segment, as its parts come. Throws a RangeError where the bytes end in the middle of one. */
export async function* readEntries(parts: AsyncIterable<Buffer>): AsyncGenerator<PackedEntry[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const part of parts) {
    const bytes: Buffer = rest.length === 0 ? part : Buffer.concat([rest, part]);
    const entries: PackedEntry[] = [];
    let at = 0;
    for (;;) {
      const read = readEntry(bytes, at);
      if (read === undefined) break;
      entries.push(read.entry);
      at = read.end;
    }
    rest = bytes.subarray(at);
    if (entries.length > 0) yield entries;
  }
  if (rest.length > 0) throw new RangeError("the last entry is cut off");
}

function readEntry(bytes: Buffer, from: number): { readonly entry: PackedEntry; readonly end: number } | undefined {
  const state = readBlob(bytes, from);
  const key = state && readBlob(bytes, state.end);
  if (state === undefined || key === undefined || key.end + 4 > bytes.length) return undefined;
  const name = state.blob.toString();
  if (bytes.readUInt32LE(key.end) === DELETED) return { entry: [name, key.blob, undefined], end: key.end + 4 };
  const value = readBlob(bytes, key.end);
  return value && { entry: [name, key.blob, value.blob], end: value.end };
}

function readBlob(bytes: Buffer, at: number): { readonly blob: Buffer; readonly end: number } | undefined {
  if (at + 4 > bytes.length) return undefined;
  const end = at + 4 + bytes.readUInt32LE(at);
  return end > bytes.length ? undefined : { blob: bytes.subarray(at + 4, end), end };
}
