/** One piece of memory for many small entries: making a Uint8Array of its own for each costs more than writing it. */
const PIECE = 16_384;
/** Longer texts have memory of their own. */
const MAX_TEXT = 2_048;

const encoder = new TextEncoder();

/** Writes texts and bytes as entries of a snapshot, many in one piece of memory. `header` bytes before each are left free. */
export class ByteArena {
  #bytes = new Uint8Array(0);
  #at = 0;

  /** The text as UTF-8. */
  text(text: string, header = 0): Uint8Array {
    if (text.length > MAX_TEXT) return this.bytes(encoder.encode(text), header);
    // A character is at most three bytes.
    this.#reserve(header + 3 * text.length);
    const bytes = this.#bytes;
    const from = this.#at + header;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127)
        return this.#take(header + i + encoder.encodeInto(text.slice(i), bytes.subarray(from + i)).written);
      bytes[from + i] = code;
    }
    return this.#take(header + text.length);
  }

  bytes(given: Uint8Array, header = 0): Uint8Array {
    if (given.length > MAX_TEXT) {
      const own = new Uint8Array(header + given.length);
      own.set(given, header);
      return own;
    }
    this.#reserve(header + given.length);
    this.#bytes.set(given, this.#at + header);
    return this.#take(header + given.length);
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    this.#bytes = new Uint8Array(PIECE);
    this.#at = 0;
  }

  #take(length: number): Uint8Array {
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }
}
