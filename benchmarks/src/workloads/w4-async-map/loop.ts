import { type AsyncInput, CONCURRENCY } from "./input.js";

/** So many workers, each with one call at a time. */
export async function run({ values, call }: AsyncInput): Promise<number> {
  let total = 0;
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < values.length) {
      const result = await call(values[next++] as number);
      total += result;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return total;
}
