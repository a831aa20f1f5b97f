import { afterAll, describe, expect, it } from "vitest";
import { eventTime } from "../../src/operators/event-time.js";
import { Channel } from "../../src/runtime/channel.js";
import { Inbox } from "../../src/runtime/inbox.js";
import { PartitionWatermarks } from "../../src/time/watermark.js";
import { batchOf, ManualClock, StageHarness } from "../stage-harness.js";
import { type Case, vectors } from "./vectors.js";

interface Params {
  readonly partitions?: number;
  readonly channels?: number;
  readonly outOfOrderness?: number;
  readonly idleTimeout?: number;
}
interface Step {
  readonly op: "element" | "watermark" | "periodicEmit" | "advanceProcessingTime" | "idle" | "active" | "unregister";
  readonly time: number;
  readonly partition?: number;
  readonly channel?: number;
}
interface Entry {
  readonly after: number;
  readonly output: { readonly watermark: number | null; readonly idle: boolean };
}
type WatermarkCase = Case<Params, Step, Entry>;

const counts = new Map<string, number>();
function count(what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
afterAll(() => {
  console.log(`vectors, watermarks:\n${[...counts].map(([what, n]) => `  ${n} ${what}`).join("\n")}`);
});

const ofKind = (...kinds: string[]): WatermarkCase[] =>
  vectors<Params, Step, Entry>("f7-watermarks").filter(({ operator }) => kinds.includes(operator.kind));

/** After each step: the combined watermark, null before the first, and whether all is idle. */
type Seen = { readonly watermark: number | null; readonly idle: boolean };
const seen = (watermark: number, idle: boolean): Seen => ({
  watermark: Number.isFinite(watermark) ? watermark : null,
  idle,
});

/** Flink looks for idle partitions when it emits; to the stage a partition without a value since then says that it was read to its end. */
function runStage({ operator: { params }, input }: WatermarkCase): Map<number, Seen> {
  const { partitions = 1, outOfOrderness = 0, idleTimeout } = params;
  // Flink is idle strictly after the timeout.
  const options = {
    maxOutOfOrderness: outOfOrderness,
    maxAhead: false as const,
    ...(idleTimeout === undefined ? {} : { idleTimeout: idleTimeout + 1 }),
  };
  const h = new StageHarness(
    eventTime((value: unknown) => value as number, options),
    { clock: new ManualClock(1_000) },
  );
  const at = new Map<number, Seen>();
  const busy = new Set<string>();
  const names = Array.from({ length: partitions }, (_, p) => String(p));
  const status = (partition: string, what: "assigned" | "caughtUp"): void =>
    h.stage.onPartition?.({ kind: "partition", partition, status: what }, () => true);
  for (const name of names) status(name, "assigned");
  let [now, watermark, idle] = [1_000, Number.NEGATIVE_INFINITY, false];
  for (const [i, step] of input.entries()) {
    if (step.op === "advanceProcessingTime") now = step.time;
    if (step.op === "element") {
      const partition = String(step.partition ?? 0);
      busy.add(partition);
      h.sendBatch(batchOf([{ value: step.time }], partition));
    }
    if (step.op === "periodicEmit") {
      h.set(now);
      if (idleTimeout !== undefined) for (const name of names) if (!busy.has(name)) status(name, "caughtUp");
      busy.clear();
    }
    for (const out of h.drain()) if ("watermark" in out) [watermark, idle] = [out.watermark, out.idle];
    if (step.op === "periodicEmit") at.set(i, seen(watermark, idle));
  }
  return at;
}

function runMultiplexer({ operator: { params }, input }: WatermarkCase): Map<number, Seen> {
  const marks = new PartitionWatermarks(1);
  for (let p = 0; p < (params.partitions ?? 1); p++) marks.assigned(String(p));
  const at = new Map<number, Seen>();
  for (const [i, { op, partition, time }] of input.entries()) {
    const id = String(partition);
    if (op === "watermark") {
      const active = marks.active(id);
      if (time <= active.watermark) continue;
      active.watermark = time;
    } else if (op === "idle") {
      marks.caughtUp(id, 0);
      marks.expire(1);
    } else if (op === "active") {
      marks.active(id);
    } else if (op === "unregister") {
      marks.ended(id);
    }
    // Flink merges anew at the next event.
    if (op !== "unregister") marks.combine();
    at.set(i, seen(marks.time, marks.idle));
  }
  return at;
}

function runInbox({ operator: { params }, input }: WatermarkCase): Map<number, Seen> {
  const channels = Array.from({ length: params.channels ?? 1 }, (_, i) => new Channel(String(i), "merge"));
  const inbox = new Inbox(channels, () => false);
  const at = new Map<number, Seen>();
  const own = channels.map(() => Number.NEGATIVE_INFINITY);
  let idle = false;
  for (const [i, { op, channel = 0, time }] of input.entries()) {
    if (op === "watermark") own[channel] = Math.max(own[channel] as number, time);
    channels[channel]?.push({ kind: "watermark", time: own[channel] as number, idle: op === "idle" });
    for (let next = inbox.next(() => true); next !== undefined; next = inbox.next(() => true))
      if (next.kind === "watermark") idle = next.idle;
    at.set(i, seen(inbox.watermark, idle));
  }
  return at;
}

/** Cases in which DESIGN asks for something else. */
const DIFFERENT: Readonly<Record<string, string>> = {
  "F7-023": "a partition that brings a value is not idle, also if its time is behind",
  "F7-073": "the watermark follows each batch; Flink's waits for the next round, in which another partition came back",
};

describe("vectors of Flink: f7-watermarks", () => {
  for (const { operator } of ofKind("watermarkValve"))
    count(
      `${operator.kind} not run: an input that comes back counts at once, and when all are idle the watermark stays`,
    );
  for (const [run, ...kinds] of [
    [runStage, "watermarkGenerator", "partitionedWatermarkSource"],
    [runMultiplexer, "watermarkMultiplexer"],
    [runInbox, "twoInputWatermark"],
  ] as const) {
    for (const one of ofKind(...kinds)) {
      const reason = DIFFERENT[one.id];
      if (reason !== undefined) {
        count(`${one.operator.kind} not run: ${reason}`);
        continue;
      }
      it(`${one.id} ${one.operator.kind}`, () => {
        const at = run(one);
        const expected = new Map(
          one.expected
            .filter(({ after }) => at.has(after))
            .map(({ after, output }) => [after, seen(output.watermark ?? Number.NEGATIVE_INFINITY, output.idle)]),
        );
        expect(at).toEqual(expected);
        count(`${one.operator.kind} equal`);
      });
    }
  }
});
