/** Lines that are joined at once. */
const LINES_A_BLOCK = 64;

/**
 * The lines of one request as one text. A line that was just made is a tree of its pieces, until somebody reads it. Joined early those trees die young; kept to the
 * end of the batch, the collector would move each of their pieces.
 */
export class LineText {
  readonly #blocks: string[] = [];
  readonly #lines: string[] = [];
  #count = 0;

  /** Lines so far. */
  get count(): number {
    return this.#count;
  }

  add(line: string): void {
    this.#count++;
    if (this.#lines.push(line) === LINES_A_BLOCK) this.#join();
  }

  get text(): string {
    if (this.#lines.length > 0) this.#join();
    return this.#blocks.join("\n");
  }

  #join(): void {
    this.#blocks.push(this.#lines.join("\n"));
    this.#lines.length = 0;
  }
}
