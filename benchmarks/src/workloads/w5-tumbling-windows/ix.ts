import type { Engine } from "../../engine.js";
import { loadIx } from "../../peers/ix.js";
import { type EventInput, isPurchase, parse, ResultChecksum } from "../../windows/event.js";
import { TumblingState } from "../../windows/tumbling-state.js";
import { withEnd } from "../../windows/window-state.js";

export async function run(input: EventInput, engine: Engine): Promise<number> {
  const { concatMap, filter, from, map } = await loadIx(engine);
  const checksum = new ResultChecksum();
  const state = new TumblingState();
  const events = "lines" in input ? from(input.lines).pipe(map(parse)) : from(input.events);
  const results = from(withEnd(events.pipe(filter(isPurchase)))).pipe(
    concatMap((event) => (event === undefined ? state.end() : state.add(event))),
  );
  for await (const { key, start, count, sum } of results) checksum.add(key, start, count, sum);
  return checksum.value;
}
