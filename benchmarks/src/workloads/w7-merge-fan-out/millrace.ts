import { discardSink, from, type Topology, topology } from "@millrace/core";
import { BRANCHES, combine, sum } from "./input.js";

export async function run(inputs: readonly (readonly number[])[]): Promise<number> {
  const [first, ...others] = inputs.map((values) => from(values));
  const merged = first?.merge(...others);
  const sums = BRANCHES.map(() => 0);
  const branches = merged?.fanOut(BRANCHES.length).map(
    (branch, i): Topology =>
      branch
        .map(BRANCHES[i] as (typeof BRANCHES)[0])
        .reduce(sum)
        .tap((total) => {
          sums[i] = total;
        })
        .to(discardSink()),
  );
  await topology("w7", ...(branches ?? [])).run();
  return combine(sums);
}
