import { readFileSync } from "node:fs";
import type { Key } from "../../src/element.js";

/** A step of a recorded case. */
export type Step =
  | {
      readonly op: "element";
      readonly key: Key;
      readonly value: number;
      readonly time?: number;
      readonly side?: "left" | "right";
    }
  | { readonly op: "watermark"; readonly time: number; readonly side?: "left" | "right" }
  | { readonly op: "advanceProcessingTime"; readonly time: number }
  | { readonly op: "snapshotRestore" | "end" };

/** What a step must give. */
export interface Entry {
  readonly after: number;
  readonly output?: {
    readonly key: Key;
    readonly window?: { readonly start: number; readonly end: number };
    readonly value: unknown;
    readonly time?: number;
    readonly timing?: "early" | "onTime" | "late";
  };
  readonly late?: { readonly key: Key; readonly value: unknown; readonly time: number; readonly side?: string };
}

/** A case recorded from Flink or Kafka Streams: see README.md of the vectors. */
export interface Case<P = Record<string, unknown>, S = Step, E = Entry> {
  readonly id: string;
  readonly operator: { readonly kind: string; readonly params: P };
  readonly tags?: readonly string[];
  readonly unordered: boolean;
  readonly input: readonly S[];
  readonly expected: readonly E[];
  readonly lateDropped?: number;
}

/** The cases of a family, such as `f1-tumbling`. */
export function vectors<P, S = Step, E = Entry>(family: string): Case<P, S, E>[] {
  return JSON.parse(readFileSync(new URL(`${family}.json`, import.meta.url), "utf8")) as Case<P, S, E>[];
}

/** Entries of a step in an order of their own, for steps whose order is not defined. */
export function sorted<E extends { readonly after: number }>(entries: readonly E[]): E[] {
  return [...entries].sort(
    (left, right) => left.after - right.after || compare(JSON.stringify(left), JSON.stringify(right)),
  );
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
