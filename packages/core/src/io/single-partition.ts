import type { AssignmentListener, Position, SourceConnection, SourceReader } from "../connector.js";
import { StreamError } from "../errors.js";

/** The partition of a source that has only one. */
export const ONLY_PARTITION = "0";

/** The connection of a source with one partition, whose positions are whole numbers from 0. */
export class SinglePartition<T> implements SourceConnection<T> {
  readonly #name: string;
  readonly #open: (position: number | undefined) => Promise<SourceReader<T>> | SourceReader<T>;
  readonly #onClose: () => void;
  readonly #readers = new Set<SourceReader<T>>();

  /** `open` gets the saved position; `onClose` is called once, after all readers were closed. */
  constructor(
    name: string,
    open: (position: number | undefined) => Promise<SourceReader<T>> | SourceReader<T>,
    onClose: () => void = () => {},
  ) {
    this.#name = name;
    this.#open = open;
    this.#onClose = onClose;
  }

  async subscribe(listener: AssignmentListener): Promise<void> {
    await listener.assigned([ONLY_PARTITION], 1);
  }

  async open(partition: string, position: Position | undefined): Promise<SourceReader<T>> {
    if (partition !== ONLY_PARTITION)
      throw new StreamError(
        "E_SOURCE",
        `source "${this.#name}" has the one partition "${ONLY_PARTITION}", not ${JSON.stringify(partition)}`,
        { operator: this.#name },
      );
    const reader = await this.#open(position === undefined ? undefined : this.#parse(position));
    this.#readers.add(reader);
    return {
      read: () => reader.read(),
      close: async () => {
        this.#readers.delete(reader);
        await reader.close();
      },
    };
  }

  comparePositions(left: Position, right: Position): number {
    return this.#parse(left) - this.#parse(right);
  }

  async close(): Promise<void> {
    const readers = [...this.#readers];
    this.#readers.clear();
    try {
      await Promise.all(readers.map((reader) => reader.close()));
    } finally {
      this.#onClose();
    }
  }

  #parse(position: Position): number {
    const index = /^\d{1,16}$/.test(position) ? Number(position) : Number.NaN;
    if (!Number.isSafeInteger(index))
      throw new StreamError(
        "E_SOURCE",
        `${JSON.stringify(position)} is not a position of source "${this.#name}": the checkpoint is of another source`,
        { operator: this.#name },
      );
    return index;
  }
}
