import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { from, tumbling } from "../src/index.js";

const VALUES = 10_000_000;
const EVERY = 500_000;
const LAST = 8_000_000;
const USERS = 10_000;

interface Purchase {
  readonly user: string;
  readonly amount: number;
  readonly ts: number;
}

/** JSON texts, one each 2.5 ms of event time, up to 5 s out of order. */
function* lines(): Generator<string> {
  let state = 1;
  for (let i = 0; i < VALUES; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield `{"user":"user-${state % USERS}","amount":${state % 997},"ts":${1_700_000_040_000 + Math.floor(i * 2.5) - (state % 5_000)}}`;
  }
}

/** Of the straight line through the points: least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const up = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return up / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}

it("ten million values through keyed windows leave nothing behind", { timeout: 300_000 }, async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const heap: [values: number, bytes: number][] = [];
  let read = 0;
  let counted = 0;
  await from(lines)
    .map((line) => JSON.parse(line) as Purchase)
    .tap(() => {
      if (++read % EVERY !== 0) return;
      gc();
      heap.push([read, process.memoryUsage().heapUsed]);
    })
    .eventTime(({ ts }) => ts, { maxOutOfOrderness: "5s" })
    .keyBy(({ user }) => user)
    .window("minutes", tumbling({ size: "1m" }))
    .aggregate((by) => ({ count: by.count(), sum: by.sum(({ amount }) => amount) }))
    .forEach(({ value }) => {
      counted += value.count;
    });
  expect(counted).toBe(VALUES);
  const last = heap.filter(([values]) => values > VALUES - LAST);
  const bytes = slope(last);
  console.log(
    `10M values: heap ${last.map(([, used]) => (used / 2 ** 20).toFixed(1)).join(" ")} MiB, ${bytes.toFixed(3)} bytes a value`,
  );
  expect(last.length).toBe(LAST / EVERY);
  expect(bytes).toBeLessThan(1);
});
