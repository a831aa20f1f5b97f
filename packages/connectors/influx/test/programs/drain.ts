/** Reads points and writes them elsewhere until it is told to stop, and then must end by itself: whatever is left open keeps the process. */
import { from } from "@millrace/core";
import { fluxSource, influxSink } from "../../src/index.js";

const [url = "", token = "", org = "", bucket = "", target = ""] = process.argv.slice(2);
let seen = 0;
const run = from(
  fluxSource({
    url,
    token,
    org,
    bucket,
    name: "points",
    start: 0,
    pageRows: 200,
    decode: ({ _value }) => {
      if (++seen === 1_000) setImmediate(() => void run.stop().then(({ status }) => console.log(status)));
      return Number(_value);
    },
  }),
)
  .to(
    influxSink<number>({
      url,
      token,
      org,
      bucket: target,
      points: (v) => ({ measurement: "m", fields: { v }, time: v }),
    }),
  )
  .start();
