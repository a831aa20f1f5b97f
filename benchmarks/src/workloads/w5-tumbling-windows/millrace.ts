import { from, tumbling } from "@millrace/core";
import { DISORDER_MS, type EventInput, isPurchase, parse, ResultChecksum } from "../../windows/event.js";

export async function run(input: EventInput): Promise<number> {
  const checksum = new ResultChecksum();
  const events = "lines" in input ? from(input.lines).map(parse) : from(input.events);
  await events
    .filter(isPurchase)
    .eventTime((event) => event.ts, { maxOutOfOrderness: DISORDER_MS })
    .keyBy((event) => event.user)
    .window("minutes", tumbling({ size: "1m" }))
    .aggregate((by) => ({ count: by.count(), sum: by.sum((event) => event.amount) }))
    .forEach(({ key, window, value }) => {
      checksum.add(key, window.start, value.count, value.sum);
    });
  return checksum.value;
}
