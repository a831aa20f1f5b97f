import { eachValue, filter, flatMap, fromArray, map } from "../../peers/web-streams.js";
import { addOne, double, isNotThird, sum } from "./input.js";

export async function run(chunks: readonly (readonly number[])[]): Promise<number> {
  let total = 0;
  await fromArray(chunks)
    .pipeThrough(flatMap((chunk) => chunk))
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
