import { once } from "node:events";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { eachValue, fromArray, map } from "../../peers/node-streams.js";
import { BRANCHES, combine, sum } from "./input.js";

export async function run(inputs: readonly (readonly number[])[]): Promise<number> {
  const merged = new PassThrough({ objectMode: true });
  const sums = BRANCHES.map(() => 0);
  const branches = BRANCHES.map((branch, i) => {
    const input = new PassThrough({ objectMode: true });
    merged.pipe(input);
    const end = eachValue<number>((value) => {
      sums[i] = sum(sums[i] as number, value);
    });
    return pipeline(input, map(branch), end);
  });
  const ends = inputs.map(async (values) => {
    const input = fromArray(values);
    input.pipe(merged, { end: false });
    await once(input, "end");
  });
  await Promise.all(ends);
  merged.end();
  await Promise.all(branches);
  return combine(sums);
}
