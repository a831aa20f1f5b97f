import { map, mergeArray, multicast } from "@most/core";
import { fromArray, reduce } from "../../peers/most.js";
import { BRANCHES, combine, sum } from "./input.js";

export async function run(inputs: readonly (readonly number[])[]): Promise<number> {
  const shared = multicast(mergeArray(inputs.map((values) => fromArray(values))));
  return combine(await Promise.all(BRANCHES.map((branch) => reduce(sum, 0, map(branch, shared)))));
}
