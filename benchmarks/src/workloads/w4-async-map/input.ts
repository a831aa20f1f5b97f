import { prepare as numbers } from "../w1-map-filter-reduce/input.js";

export const CONCURRENCY = 64;

/** An async function and the values to call it with. */
export interface AsyncInput {
  readonly values: number[];
  readonly call: (value: number) => Promise<number>;
}

const CALLS: Readonly<Record<string, (value: number) => Promise<number>>> = {
  W4micro: async (value) => value + 1,
  W4immediate: (value) => new Promise((resolve) => setImmediate(resolve, value + 1)),
  W4timer: (value) => new Promise((resolve) => setTimeout(resolve, 1, value + 1)),
};

export function prepare(size: number, workload: string): AsyncInput {
  const call = CALLS[workload];
  if (call === undefined) throw new Error(`no async function for ${workload}`);
  return { values: [...numbers(size)], call };
}
