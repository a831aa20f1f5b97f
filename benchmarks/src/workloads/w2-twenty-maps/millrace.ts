import { from, type Stream } from "@millrace/core";
import { STEPS, sum } from "./input.js";

export async function run(values: readonly number[]): Promise<number> {
  let stream: Stream<number> = from(values);
  for (const step of STEPS) stream = stream.map(step);
  return (await stream.reduce(sum).last()) ?? 0;
}
