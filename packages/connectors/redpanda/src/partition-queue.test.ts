import { describe, expect, it } from "vitest";
import type { KafkaBatch } from "./kafka-driver.js";
import { PartitionQueue } from "./partition-queue.js";

/** A queue from offset 0 of ten messages, and what it asked of the consumer. */
function queueOf({ maxBytes = 1_000_000, stop }: { maxBytes?: number; stop?: bigint } = {}): {
  queue: PartitionQueue;
  asked: string[];
} {
  const asked: string[] = [];
  const queue = new PartitionQueue(
    0n,
    10n,
    { maxBytes, stop },
    {
      pause: () => asked.push("pause"),
      resume: () => asked.push("resume"),
      seek: (offset) => asked.push(`seek ${offset}`),
      strayed: (offset) => asked.push(`strayed ${offset}`),
    },
  );
  return { queue, asked };
}

function batch(fetchedFrom: number, offsets: readonly number[], rest: Partial<KafkaBatch> = {}): KafkaBatch {
  return {
    topic: "t",
    partition: 0,
    fetchedFrom: BigInt(fetchedFrom),
    nextOffset: BigInt((offsets[offsets.length - 1] ?? fetchedFrom - 1) + 1),
    highWatermark: 10n,
    quiet: false,
    messages: offsets.map((offset) => ({
      key: undefined,
      value: new Uint8Array(100),
      headers: {},
      timestamp: 0,
      offset: BigInt(offset),
    })),
    ...rest,
  };
}

const offsetsOf = (queue: PartitionQueue): number[] => queue.take().messages.map(({ offset }) => Number(offset));

describe("PartitionQueue", () => {
  it("takes no answer that begins elsewhere than it stands, until it is told to read on", () => {
    const { queue, asked } = queueOf();
    queue.add(batch(0, [0, 1]));
    queue.add(batch(5, [5, 6]));
    queue.add(batch(2, [2]));
    expect(asked).toEqual(["strayed 5"]);
    queue.readOn();
    expect(asked).toEqual(["strayed 5", "seek 2"]);
    queue.add(batch(2, [2, 3]));
    expect(offsetsOf(queue)).toEqual([0, 1, 2, 3]);
  });

  it("pauses when it is full, goes on when half of it is read, and pauses anew after a rebalance", () => {
    const { queue, asked } = queueOf({ maxBytes: 1_500 });
    queue.add(batch(0, [0, 1, 2]));
    expect(asked).toEqual(["pause"]);
    queue.rejoin();
    expect(asked).toEqual(["pause", "seek 3", "pause"]);
    expect(offsetsOf(queue)).toEqual([0, 1, 2]);
    expect(asked).toEqual(["pause", "seek 3", "pause", "resume"]);
  });

  it("passes marks of transactions: its position is behind them, and it ends there", () => {
    const { queue } = queueOf({ stop: 10n });
    queue.add(batch(0, [0, 1], { nextOffset: 9n }));
    expect(queue.ended).toBe(false);
    expect(offsetsOf(queue)).toEqual([0, 1]);
    expect(queue.position).toBe(9n);
    queue.add(batch(9, [], { nextOffset: 10n }));
    expect(queue.ended).toBe(true);
    expect(queue.caughtUp).toBe(true);
  });

  it("is not at its end because others filled the answer", () => {
    const { queue } = queueOf({ stop: 10n });
    for (let i = 0; i < 5; i++) queue.add(batch(0, []));
    expect(queue.ended).toBe(false);
    expect(queue.caughtUp).toBe(false);
    queue.add(batch(0, [], { quiet: true }));
    queue.add(batch(0, [], { quiet: true }));
    expect(queue.ended).toBe(true);
  });

  it("ends at the stop though only a mark is before it and messages behind it have come with the rest", () => {
    const { queue } = queueOf({ stop: 3n });
    queue.add(batch(0, [0, 1, 3, 4]));
    expect(offsetsOf(queue)).toEqual([0, 1]);
    expect(offsetsOf(queue)).toEqual([]);
    expect(queue.ended).toBe(true);
    expect(queue.position).toBe(3n);
  });

  it("gives nothing from the stop on, and is not fetched any more once that is reached", () => {
    const { queue, asked } = queueOf({ stop: 2n });
    expect(queue.paused).toBe(false);
    queue.add(batch(0, [0]));
    expect(asked).toEqual([]);
    queue.add(batch(1, [1, 2, 3]));
    expect(asked).toEqual(["pause"]);
    expect(offsetsOf(queue)).toEqual([0, 1]);
    expect(queue.ended).toBe(true);
    queue.rejoin();
    expect(asked).toEqual(["pause", "seek 4", "pause"]);
    expect(queueOf({ stop: 0n }).queue.paused).toBe(true);
  });

  it("that is revoked keeps its reader waiting, and takes nothing more", async () => {
    const { queue } = queueOf();
    queue.add(batch(0, [0, 1]));
    let ended = false;
    const pending = queue.changed().then(() => {
      ended = true;
    });
    queue.revoke();
    queue.add(batch(2, [2]));
    await Promise.resolve();
    expect(ended).toBe(false);
    expect(offsetsOf(queue)).toEqual([]);
    queue.close();
    await pending;
    expect(queue.closed).toBe(true);
  });

  it("hands a failure to its reader", () => {
    const { queue } = queueOf();
    queue.fail(new Error("gone"));
    expect(() => queue.take()).toThrow("gone");
  });
});
