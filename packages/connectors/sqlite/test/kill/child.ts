import { type KillPoint, KillPoints } from "./kill-points.js";
import { paymentStore, paymentTopology } from "./pipeline.js";

/** One life of the pipeline: `child.ts DIR [--last] [--kill POINT --times N]`. It ends by itself only with `--last`. */
const [dir, ...words] = process.argv.slice(2);
const option = (name: string): string | undefined =>
  words.includes(name) ? words[words.indexOf(name) + 1] : undefined;
const points = new KillPoints(option("--kill") as KillPoint | undefined, Number(option("--times") ?? 1));
const run = paymentTopology(dir as string, points, words.includes("--last") ? "latest" : undefined).start({
  checkpoint: { every: "40ms", store: paymentStore(dir as string, points) },
});
await run.done;
console.log("ended");
