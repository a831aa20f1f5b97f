import { parallelMap, reduce } from "streaming-iterables";
import { type AsyncInput, CONCURRENCY } from "./input.js";

export function run({ values, call }: AsyncInput): Promise<number> {
  return reduce((left: number, right: number) => left + right, 0, parallelMap(CONCURRENCY, call, values));
}
