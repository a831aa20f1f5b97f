import type { Position, StateEntry } from "../connector.js";
import type { Chain } from "./chain.js";
import type { SinkDriver } from "./sink-driver.js";
import type { SourceDriver } from "./source-driver.js";

/** Through whom the barriers of a task pass. */
export interface Passers {
  readonly sources: readonly SourceDriver[];
  readonly chains: readonly Chain[];
  readonly sinks: readonly SinkDriver[];
}

/** A checkpoint under way: who has passed its barrier, and what they gave. */
export class Epoch {
  readonly number: number;
  readonly startedAt: number;
  readonly #passers: Passers;
  readonly #sources = new Map<SourceDriver, ReadonlyMap<string, Position>>();
  readonly #chains = new Map<Chain, readonly StateEntry[]>();
  readonly #sinks = new Set<SinkDriver>();
  committing = false;
  cancelTimeout: () => void = () => {};

  constructor(number: number, startedAt: number, passers: Passers) {
    this.number = number;
    this.startedAt = startedAt;
    this.#passers = passers;
  }

  sourcePassed(driver: SourceDriver): void {
    this.#sources.set(driver, driver.positions());
  }

  chainPassed(chain: Chain, changes: readonly StateEntry[]): void {
    this.#chains.set(chain, changes);
  }

  sinkPassed(driver: SinkDriver): void {
    this.#sinks.add(driver);
  }

  hasPassed(driver: SinkDriver): boolean {
    return this.#sinks.has(driver);
  }

  /** Everybody has passed the barrier, or has ended. */
  get complete(): boolean {
    const { sources, chains, sinks } = this.#missing();
    return sources.length === 0 && chains.length === 0 && sinks.length === 0;
  }

  /** Behind the barrier; of a source that has ended, at its end. */
  positions(): Map<string, ReadonlyMap<string, Position>> {
    return new Map(
      this.#passers.sources.map((source) => [source.vertex.id, this.#sources.get(source) ?? source.positions()]),
    );
  }

  /** What every stage changed until the barrier; one that has ended without it, until its end. */
  changes(snapshot: (chain: Chain) => readonly StateEntry[]): StateEntry[] {
    return this.#passers.chains.flatMap((chain) => this.#chains.get(chain) ?? snapshot(chain));
  }

  /** What those who have not passed the barrier have done until now. */
  moved(): number {
    let moved = 0;
    for (const chain of this.#passers.chains) if (!this.#chains.has(chain)) moved += chain.moved;
    for (const sink of this.#passers.sinks) if (!this.#sinks.has(sink)) moved += sink.moved;
    return moved;
  }

  /** Who has not passed the barrier: who has it, or work before it, and does not go on though nobody below is in the way. */
  holder(): string {
    const { sources, chains, sinks } = this.#missing();
    const sink = sinks.find(({ holding }) => holding);
    const chain = chains.find(({ holding }) => holding) ?? chains[0];
    const holder = sources[0]?.vertex ?? sink?.vertex ?? chain?.links[0]?.vertex ?? sinks[0]?.vertex;
    return holder?.id ?? "nobody";
  }

  #missing(): Passers {
    return {
      sources: this.#passers.sources.filter((source) => !source.ended && !this.#sources.has(source)),
      chains: this.#passers.chains.filter((chain) => !chain.ended && !this.#chains.has(chain)),
      sinks: this.#passers.sinks.filter((sink) => !sink.ended && !this.#sinks.has(sink)),
    };
  }
}
