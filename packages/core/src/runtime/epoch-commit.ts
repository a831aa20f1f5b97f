import type { CheckpointDelta, Clock, Logger, Position } from "../connector.js";
import { messageOf, StreamError } from "../errors.js";
import type { CheckpointTarget } from "./coordinator-parts.js";
import { withDeadline } from "./deadline.js";
import type { SourceDriver } from "./source-driver.js";

export interface EpochCommitParts {
  readonly target: CheckpointTarget | undefined;
  readonly sources: readonly SourceDriver[];
  readonly generation: (source: string) => number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** The two commits of an epoch: all of it in the store, then its positions at the sources. Each has its time. */
export class EpochCommit {
  readonly #parts: EpochCommitParts;
  /** Why the last commit that failed did. */
  lastFailure: unknown;

  constructor(parts: EpochCommitParts) {
    this.#parts = parts;
  }

  /** True: committed. False: not. Throws where the store does not say, or where another run has taken over. */
  async toStore(delta: CheckpointDelta): Promise<boolean> {
    const { target, logger } = this.#parts;
    if (target === undefined) return true;
    try {
      await this.#inTime(
        () => target.connection.commit(target.task, target.lease, delta),
        `${target.store} to commit epoch ${delta.epoch}`,
      );
      return true;
    } catch (error) {
      throwFenced(error);
      logger.warn("checkpoint commit failed", { store: target.store, epoch: delta.epoch, error: messageOf(error) });
      this.lastFailure = new StreamError(
        "E_CHECKPOINT_STORE",
        `${target.store} does not commit checkpoints: ${messageOf(error)}`,
        { cause: error },
      );
    }
    // Failed or timed out: it may have been done all the same. Only the store knows.
    try {
      const newest = await this.#inTime(
        () => target.connection.latestEpoch(target.task, target.lease),
        `${target.store} to name its newest epoch`,
      );
      return newest === delta.epoch;
    } catch (error) {
      throwFenced(error);
      throw new StreamError(
        "E_CHECKPOINT_STORE",
        `${target.store} failed to commit epoch ${delta.epoch} and does not say whether it did: ${messageOf(error)}`,
        { cause: this.lastFailure },
      );
    }
  }

  /** False: the positions are nowhere, so the epoch does not count. */
  async toSources(positions: ReadonlyMap<string, ReadonlyMap<string, Position>>): Promise<boolean> {
    const { sources, target, generation, logger } = this.#parts;
    for (const { vertex, connection } of sources) {
      const own = positions.get(vertex.id) ?? new Map<string, Position>();
      if (connection.commit === undefined || own.size === 0) continue;
      try {
        await this.#inTime(
          () => connection.commit?.(own, generation(vertex.id)),
          `source "${vertex.id}" to commit its positions`,
        );
      } catch (error) {
        logger.warn("positions not committed at the source", { source: vertex.id, error: messageOf(error) });
        this.lastFailure = new StreamError(
          "E_SOURCE",
          `source "${vertex.id}" does not commit positions: ${messageOf(error)}`,
          { cause: error, operator: vertex.id },
        );
        // With a store the checkpoint holds the positions; what the source keeps is for its own tools.
        if (target === undefined) return false;
      }
    }
    return true;
  }

  #inTime<T>(work: () => Promise<T> | undefined, what: string): Promise<T | undefined> {
    const { clock, timeoutMs, signal } = this.#parts;
    return withDeadline(work, { clock, ms: timeoutMs, what, signal });
  }
}

/** Another run has taken over: this one must not go on. */
function throwFenced(error: unknown): void {
  if (error instanceof StreamError && error.code === "E_FENCED") throw error;
}
