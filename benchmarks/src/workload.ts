import type { Engine } from "./engine.js";

/** What is measured: rates of values, latencies of single values, or how long the event loop is held. */
export type Kind = "rate" | "latency" | "checkpoint";

/** How many values a run has. Slow engines get fewer, so that a round ends; the tables name the number. */
export interface Sizes {
  readonly full: number;
  readonly quick: number;
}

/** One question put to several engines. */
export interface Workload {
  /** `W1`, `W4micro`, … */
  readonly id: string;
  readonly title: string;
  readonly kind: Kind;
  /** Where its input (`input.ts`) and its engines (`<engine>.ts`) are. */
  readonly folder: string;
  readonly engines: readonly Engine[];
  readonly sizes: Sizes;
  readonly fewer?: Partial<Record<Engine, number>>;
  /** Also measure the bytes allocated per value. */
  readonly allocations?: boolean;
  /** Run other pipelines first, so that the engine's call sites have seen more than this one. */
  readonly polluted?: boolean;
}

/** What a folder's `input.ts` exports: the input of a run, made outside of the measured time. */
export interface InputModule {
  prepare(size: number, workload: string): unknown;
}

/** What an engine's run answers: a checksum that is equal for all engines, and measurements of its own if the workload asks for them. */
export type Outcome = number | { readonly checksum: number; readonly figures: Readonly<Record<string, number>> };

/** What `<engine>.ts` in a folder exports. */
export interface EngineModule {
  run(input: never, engine: Engine): Outcome | Promise<Outcome>;
}
