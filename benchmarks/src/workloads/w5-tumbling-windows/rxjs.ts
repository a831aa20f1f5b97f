import { filter, from, lastValueFrom, map } from "rxjs";
import { windowed } from "../../peers/rxjs.js";
import { type EventInput, isPurchase, parse, ResultChecksum } from "../../windows/event.js";
import { TumblingState } from "../../windows/tumbling-state.js";

export async function run(input: EventInput): Promise<number> {
  const checksum = new ResultChecksum();
  const events = "lines" in input ? from(input.lines).pipe(map(parse)) : from(input.events);
  const results = events.pipe(
    filter(isPurchase),
    windowed(new TumblingState()),
    map(({ key, start, count, sum }) => checksum.add(key, start, count, sum)),
  );
  await lastValueFrom(results);
  return checksum.value;
}
