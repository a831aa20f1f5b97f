import type { SinkPart } from "../checkpoints/checkpoint-writer.js";
import { FileFailure } from "./failure.js";

/** What a transactional sink of this package hands to the checkpoint store of the same file, through the engine. */
export class SinkPayload {
  readonly system: string;
  readonly parts: readonly SinkPart[];
  /** Called once the store has committed them. */
  readonly applied: () => void;

  constructor(system: string, parts: readonly SinkPart[], applied: () => void) {
    this.system = system;
    this.parts = parts;
    this.applied = applied;
  }
}

/** Holds what a transactional sink was given since the last checkpoint. */
export class PartBuffer {
  readonly #what: string;
  readonly #maxBytes: number;
  #parts: SinkPart[] = [];
  #bytes = 0;

  constructor(what: string, maxBytes: number) {
    this.#what = what;
    this.#maxBytes = maxBytes;
  }

  add(part: SinkPart, bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes)
      throw new FileFailure(
        "E_SQLITE_BUFFER",
        "fatal",
        `${this.#what} holds ${this.#bytes} bytes since the last checkpoint and can take no more than ${this.#maxBytes}: take checkpoints more often, or raise maxBuffer`,
      );
    this.#parts.push(part);
    this.#bytes += bytes;
  }

  /** All of it; the buffer begins anew. */
  take(): readonly SinkPart[] {
    const parts = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    return parts;
  }
}
