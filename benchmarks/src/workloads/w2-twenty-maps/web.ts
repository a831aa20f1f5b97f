import { eachValue, fromArray, map } from "../../peers/web-streams.js";
import { STEPS, sum } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let total = 0;
  let stream = fromArray(values);
  for (const step of STEPS) stream = stream.pipeThrough(map(step));
  await stream.pipeTo(
    eachValue((value) => {
      total = sum(total, value);
    }),
  );
  return total;
}
