import { TransformStream } from "node:stream/web";
import { eachValue, fromArray, map } from "../../peers/web-streams.js";
import { BRANCHES, combine, sum } from "./input.js";

export async function run(inputs: readonly (readonly number[])[]): Promise<number> {
  const merged = new TransformStream<number, number>();
  const writer = merged.writable.getWriter();
  const copies = inputs.map(async (values) => {
    for await (const value of fromArray(values)) {
      await writer.ready;
      writer.write(value).catch(() => {});
    }
  });
  const [first, rest] = merged.readable.tee();
  const [second, third] = rest.tee();
  const sums = BRANCHES.map(() => 0);
  const branches = [first, second, third].map((branch, i) =>
    branch.pipeThrough(map(BRANCHES[i] as (typeof BRANCHES)[0])).pipeTo(
      eachValue((value) => {
        sums[i] = sum(sums[i] as number, value);
      }),
    ),
  );
  await Promise.all(copies);
  await writer.close();
  await Promise.all(branches);
  return combine(sums);
}
