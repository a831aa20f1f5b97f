import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Batch, type EndKind, type Item } from "../stage.js";
import { Channel } from "./channel.js";
import { Inbox, type Incoming } from "./inbox.js";

const ALL = () => true;

function batch(value: unknown): Batch {
  return new Batch([value], null, null, null, null, undefined);
}

function inboxOf(count: number, isAbandoned: (epoch: number) => boolean = () => false) {
  const channels = Array.from({ length: count }, (_, i) => new Channel(`in${i}`, "out"));
  return { channels, inbox: new Inbox(channels, isAbandoned) };
}

/** All that can be taken now, as short text. */
function drain(inbox: Inbox, accepts: (input: number) => boolean = ALL): string[] {
  const out: string[] = [];
  for (let next = inbox.next(accepts); next !== undefined; next = inbox.next(accepts)) out.push(text(next));
  return out;
}

function text(incoming: Incoming): string {
  switch (incoming.kind) {
    case "batch":
      return `${incoming.input}:${String(incoming.batch.values[0])}`;
    case "partition":
      return `${incoming.status.partition} ${incoming.status.status}`;
    case "watermark":
      return `W${incoming.time}${incoming.idle ? " idle" : ""}`;
    case "inputEnd":
      return `end of ${incoming.input}`;
    case "barrier":
      return `barrier ${incoming.epoch}`;
    default:
      return `end ${incoming.how}`;
  }
}

const watermark = (time: number, idle = false): Item => ({ kind: "watermark", time, idle });
const barrier = (epoch: number): Item => ({ kind: "barrier", epoch });
const end = (how: EndKind = "complete"): Item => ({ kind: "end", how });

describe("an inbox", () => {
  it("takes one input as it is, with partition statuses", () => {
    const { channels, inbox } = inboxOf(1);
    const items: Item[] = [
      { kind: "partition", partition: "p", status: "assigned" },
      batch("a"),
      watermark(5),
      barrier(1),
      batch("b"),
      { kind: "partition", partition: "p", status: "ended" },
      end(),
    ];
    for (const item of items) channels[0]?.push(item);
    expect(drain(inbox)).toEqual(["p assigned", "0:a", "W5", "barrier 1", "0:b", "p ended", "end complete"]);
  });

  it("lets the faster input wait behind a barrier; the one that is awaited goes on", () => {
    const { channels, inbox } = inboxOf(2);
    for (const item of [batch("a"), barrier(1), batch("b")]) channels[0]?.push(item);
    channels[1]?.push(batch("c"));
    expect(drain(inbox)).toEqual(["0:a", "1:c"]);
    expect([inbox.aligning, inbox.waiting]).toEqual([true, false]);
    channels[1]?.push(batch("d"));
    expect(inbox.waiting).toBe(true);
    expect(drain(inbox)).toEqual(["1:d"]);
    channels[1]?.push(barrier(1));
    expect(drain(inbox)).toEqual(["barrier 1", "0:b"]);
    expect(inbox.aligning).toBe(false);
  });

  it("counts an input that has ended as aligned, before and after its barrier is awaited", () => {
    const { channels, inbox } = inboxOf(2);
    channels[0]?.push(end());
    channels[1]?.push(barrier(1));
    expect(drain(inbox)).toEqual(["end of 0", "barrier 1"]);
    channels[1]?.push(batch("z"));
    channels[1]?.push(end());
    expect(drain(inbox)).toEqual(["1:z", "end of 1", "end complete"]);
  });

  it("does not take the end of an input before the values in front of it for alignment", () => {
    const { channels, inbox } = inboxOf(2);
    channels[0]?.push(barrier(1));
    expect(drain(inbox)).toEqual([]);
    for (const item of [batch("a"), batch("b"), end()]) channels[1]?.push(item);
    expect(drain(inbox)).toEqual(["1:a", "1:b", "end of 1", "barrier 1"]);
  });

  it("gives up an abandoned epoch, whether its barrier has come or comes later", () => {
    let abandoned = 0;
    const { channels, inbox } = inboxOf(2, (epoch) => epoch <= abandoned);
    for (const item of [barrier(1), batch("a")]) channels[0]?.push(item);
    expect(drain(inbox)).toEqual([]);
    abandoned = 1;
    inbox.abandon(1);
    expect(drain(inbox)).toEqual(["0:a"]);
    for (const item of [batch("b"), barrier(1), batch("c"), barrier(2)]) channels[1]?.push(item);
    channels[0]?.push(barrier(2));
    expect(drain(inbox)).toEqual(["1:b", "1:c", "barrier 2"]);
  });

  it("combines watermarks by minimum; idle and complete inputs do not hold it, a stopped one does", () => {
    const { channels, inbox } = inboxOf(3);
    channels[0]?.push(watermark(10));
    channels[1]?.push(watermark(4));
    expect(drain(inbox)).toEqual([]);
    channels[2]?.push(watermark(7));
    expect(drain(inbox)).toEqual(["W4"]);
    channels[1]?.push(watermark(4, true));
    expect(drain(inbox)).toEqual(["W7"]);
    channels[2]?.push(end());
    expect(drain(inbox)).toEqual(["end of 2", "W10"]);
    // The idle one comes back behind what was passed on: time does not go back.
    channels[1]?.push(watermark(5));
    expect(drain(inbox)).toEqual([]);
    channels[0]?.push(watermark(20));
    expect(drain(inbox)).toEqual([]);
    channels[1]?.push(watermark(12));
    expect(drain(inbox)).toEqual(["W12"]);
    channels[1]?.push(end("stopped"));
    channels[0]?.push(watermark(30));
    expect(drain(inbox)).toEqual([]);
    expect(inbox.watermark).toBe(12);
  });

  it("is idle when all are, and not any more when one comes back", () => {
    const { channels, inbox } = inboxOf(2);
    channels[0]?.push(watermark(5, true));
    expect(drain(inbox)).toEqual([]);
    channels[1]?.push(watermark(9));
    expect(drain(inbox)).toEqual(["W9"]);
    channels[1]?.push(watermark(9, true));
    expect(drain(inbox)).toEqual(["W9 idle"]);
    channels[0]?.push(watermark(5));
    expect(drain(inbox)).toEqual(["W9"]);
  });

  it.each<[EndKind[], string]>([
    [["complete", "complete"], "end complete"],
    [["complete", "stopped"], "end stopped"],
    [["stopped", "fired"], "end fired"],
  ])("ends %j as %s, once", (kinds, expected) => {
    const { channels, inbox } = inboxOf(2);
    channels.forEach((channel, i) => {
      channel.push(end(kinds[i]));
    });
    expect(drain(inbox).at(-1)).toBe(expected);
    expect(drain(inbox)).toEqual([]);
  });

  it("takes from the inputs in turns, and nothing from one that is not accepted", () => {
    const { channels, inbox } = inboxOf(2);
    for (const value of ["a", "b", "c"]) channels[0]?.push(batch(value));
    for (const value of ["x", "y"]) channels[1]?.push(batch(value));
    expect(drain(inbox, (input) => input === 1)).toEqual(["1:x", "1:y"]);
    expect(drain(inbox)).toEqual(["0:a", "0:b", "0:c"]);
    for (const value of ["a", "b"]) channels[0]?.push(batch(value));
    for (const value of ["x", "y"]) channels[1]?.push(batch(value));
    expect(drain(inbox).map((taken) => taken[0])).toEqual(["1", "0", "1", "0"]);
  });

  it("closes the channels: producers see that nothing is wanted", () => {
    const { channels, inbox } = inboxOf(2);
    inbox.close();
    expect(channels.every(({ closed }) => closed)).toBe(true);
  });

  it("passes a barrier exactly behind what came before it on every input, in any interleaving", () => {
    const inputs = fc.array(fc.array(fc.constantFrom("value", "value", "barrier"), { maxLength: 12 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(inputs, fc.infiniteStream(fc.nat(99)), (scripts, choices) => {
        const { channels, inbox } = inboxOf(scripts.length);
        const epochs = Math.min(...scripts.map((script) => script.filter((item) => item === "barrier").length));
        // Every input carries the same epochs, then ends.
        const queues = scripts.map((script) => {
          let epoch = 0;
          const items: Item[] = script.map((item) =>
            item === "barrier" && epoch < epochs ? barrier(++epoch) : batch(epoch),
          );
          return [...items, end()];
        });
        const seen: number[] = [];
        let aligned = 0;
        const take = (): void => {
          for (let next = inbox.next(ALL); next !== undefined; next = inbox.next(ALL)) {
            if (next.kind === "barrier") expect(next.epoch).toBe(++aligned);
            // A value says which epochs stood before it: it passes after those barriers and before the next.
            if (next.kind === "batch") expect(next.batch.values[0]).toBe(aligned);
            seen.push(1);
          }
        };
        while (queues.some((queue) => queue.length > 0)) {
          const choice = (choices.next().value ?? 0) % queues.length;
          const item = queues[choice]?.shift();
          if (item !== undefined) channels[choice]?.push(item);
          if ((choices.next().value ?? 0) % 2 === 0) take();
        }
        take();
        expect(aligned).toBe(epochs);
      }),
    );
  });
});
