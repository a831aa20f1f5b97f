import type { Clock } from "@millrace/core";
import type { Connection } from "../file/database.js";
import { onAppend } from "./append-signal.js";

/**
 * Lets readers wait for more: woken at once by an append of this process, and by a poll that notices any other connection's commit. One
 * poll serves all readers of a connection, and there is none while nobody waits.
 */
export class TailWatch {
  readonly #db: Connection;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #stopListening: () => void;
  readonly #waiting = new Set<() => void>();
  #cancelPoll: (() => void) | undefined;
  #version: unknown;

  constructor(db: Connection, path: string, topic: string, clock: Clock, pollMs: number) {
    this.#db = db;
    this.#clock = clock;
    this.#pollMs = pollMs;
    this.#version = this.#dataVersion();
    this.#stopListening = onAppend(path, topic, () => this.#wakeAll());
  }

  /** Calls `wake` once when there may be more; returns a function that gives up waiting. */
  wait(wake: () => void): () => void {
    this.#waiting.add(wake);
    this.#cancelPoll ??= this.#schedule();
    return () => {
      this.#waiting.delete(wake);
      if (this.#waiting.size === 0) this.#stopPolling();
    };
  }

  close(): void {
    this.#stopListening();
    this.#stopPolling();
    this.#waiting.clear();
  }

  #schedule(): () => void {
    return this.#clock.schedule(this.#clock.now() + this.#pollMs, () => {
      this.#cancelPoll = undefined;
      this.#poll();
    });
  }

  #poll(): void {
    // The version is compared with the last poll's, so a commit between a reader's look and this poll is never missed.
    let version: unknown;
    try {
      version = this.#dataVersion();
    } catch {
      // Whatever is wrong, the readers meet it when they look.
      version = Symbol("unknown");
    }
    if (version !== this.#version) {
      this.#version = version;
      this.#wakeAll();
    }
    if (this.#waiting.size > 0) this.#cancelPoll ??= this.#schedule();
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#stopPolling();
    for (const wake of waiting) wake();
  }

  #stopPolling(): void {
    this.#cancelPoll?.();
    this.#cancelPoll = undefined;
  }

  /** Changes whenever another connection, of this process or another, has committed. */
  #dataVersion(): unknown {
    return this.#db.pragma("data_version", { simple: true });
  }
}
