import type { StateChange } from "../stage.js";
import { ChangeLog } from "./change-log.js";

/** A piece of state that knows whether it is in the log, so that writing to it again costs nothing. */
export interface Logged {
  /** In the log since the last snapshot. */
  changed: boolean;
  /** In a snapshot, so that its end must be saved too. */
  saved: boolean;
  gone: boolean;
}

/** Which pieces of state changed since the last committed epoch. What came and went in between leaves no trace. */
export class StateLog<P extends Logged> {
  readonly #changes = new ChangeLog<P>();

  touch(piece: P): void {
    if (piece.changed) return;
    piece.changed = true;
    this.#changes.touch(piece);
  }

  remove(piece: P): void {
    piece.gone = true;
    if (piece.saved) this.touch(piece);
    else this.#changes.forget(piece);
  }

  /** The changes as bytes. A piece that ended stands before one that took its key later. */
  snapshot(key: (piece: P) => Uint8Array, value: (piece: P) => Uint8Array): StateChange[] {
    const changes: StateChange[] = [];
    for (const piece of this.#changes.snapshot()) {
      piece.changed = false;
      changes.push([key(piece), piece.gone ? undefined : value(piece)]);
      piece.saved = true;
    }
    return changes;
  }

  committed(): void {
    this.#changes.committed();
  }
}
