import { eachValue, filter, fromArray, map } from "../../peers/web-streams.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let total = 0;
  await fromArray(values)
    .pipeThrough(map(addOne))
    .pipeThrough(filter(isNotThird))
    .pipeThrough(map(double))
    .pipeTo(
      eachValue((value) => {
        total = sum(total, value);
      }),
    );
  return total;
}
