import type { BenchEvent } from "./bench-event.js";
import type { Contents } from "./contents.js";

/** Who is measured on a workload, in the order of the tables. `writer`: what the client has of its own for this. */
export const CONTENDERS = ["loop", "millrace", "writer", "await"] as const;
export type Contender = (typeof CONTENDERS)[number];

/** A sink's workload: each contender writes the same values to an empty place of its own. */
export interface SinkBench {
  readonly kind: "sink";
  /** Makes an empty place. */
  create(place: string): Promise<void>;
  readonly contenders: Readonly<
    Partial<Record<Contender, (place: string, values: readonly BenchEvent[]) => Promise<void>>>
  >;
  /** A value as the place should hold it. */
  text(value: BenchEvent): string;
  /** All that the place holds, read from the server, in the form of `text`. */
  contents(place: string): Promise<Contents>;
  drop(place: string): Promise<void>;
}

/** A source's workload: each contender reads the same place to its end and tells what it has read. */
export interface SourceBench {
  readonly kind: "source";
  fill(place: string, values: readonly BenchEvent[]): Promise<void>;
  readonly contenders: Readonly<Partial<Record<Contender, (place: string, size: number) => Promise<Contents>>>>;
  drop(place: string): Promise<void>;
}

export type ConnectorBench = SinkBench | SourceBench;

/** What a workload's file exports. */
export interface BenchModule {
  readonly bench: ConnectorBench;
}

/** For readers: how many, and the sum of their amounts, which takes next to no time. */
export class AmountSum {
  #count = 0;
  #sum = 0;

  readonly add = ({ amount }: { readonly amount: number }): void => {
    this.#count++;
    this.#sum += amount;
  };

  get contents(): Contents {
    return { count: this.#count, checksum: this.#sum };
  }
}

/** What a reader of all these values must tell. */
export function amountsOf(values: readonly { readonly amount: number }[]): Contents {
  const sum = new AmountSum();
  values.forEach(sum.add);
  return sum.contents;
}

/** Pieces of `size` values, in order. */
export function* slices<T>(values: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < values.length; i += size) yield values.slice(i, i + size);
}

/** A variable of the environment that names a server. Throws where it is not set. */
export function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is not set`);
  return value;
}
