import { filter, map } from "@most/core";
import { eachValue, fromArray, windowed } from "../../peers/most.js";
import { type EventInput, isPurchase, parse, ResultChecksum } from "../../windows/event.js";
import { TumblingState } from "../../windows/tumbling-state.js";

export async function run(input: EventInput): Promise<number> {
  const checksum = new ResultChecksum();
  const events = "lines" in input ? map(parse, fromArray(input.lines)) : fromArray(input.events);
  await eachValue(windowed(new TumblingState(), filter(isPurchase, events)), ({ key, start, count, sum }) =>
    checksum.add(key, start, count, sum),
  );
  return checksum.value;
}
