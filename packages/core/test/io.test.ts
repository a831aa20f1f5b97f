import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import {
  discardSink,
  fileSink,
  fileSource,
  from,
  intervalSource,
  memoryCheckpoints,
  pushSource,
  type RunOptions,
  StreamError,
  type Topology,
  topology,
} from "@millrace/core";
import {
  faultPoints,
  faultyCheckpoints,
  faultySink,
  testContext,
  testSink,
  virtualClock,
} from "@millrace/core/testing";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "millrace-io-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

/** Starts again after every failure; how many starts it took. */
async function startUntilDone(
  copy: Topology,
  checkpoint: Exclude<RunOptions["checkpoint"], undefined>,
): Promise<number> {
  for (let starts = 1; ; starts++) {
    const clock = virtualClock();
    const ended = copy.run({ checkpoint, clock, logger: testContext().logger }).then(
      () => "completed",
      () => "failed",
    );
    let result: string | undefined;
    void ended.then((how) => {
      result = how;
    });
    while (result === undefined) await clock.advance("250ms");
    if (result === "completed") return starts;
    expect(starts).toBeLessThan(4);
  }
}

describe("files", () => {
  it("are copied", async () => {
    const lines = Array.from({ length: 5_000 }, (_, i) => `line ${i} é🙂`);
    writeFileSync(path("in.txt"), `${lines.join("\r\n")}\r\n`);
    await from(fileSource(path("in.txt")))
      .to(fileSink(path("copy.txt")))
      .run();
    expect(readFileSync(path("copy.txt"), "utf8")).toBe(`${lines.join("\n")}\n`);
  });

  const points = [
    "sink.write.before",
    "sink.write.after",
    "sink.flush.before",
    "sink.flush.after",
    "store.commit.before",
    "store.commit.after",
  ] as const;

  it.each(points)("are exactly-once under a checkpoint, when the run fails at %s", async (point) => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i}`);
    const [input, output] = [path("numbers.txt"), path(`out-${point}.txt`)];
    writeFileSync(input, `${lines.join("\n")}\n`);
    // Before the first checkpoint, and behind some.
    for (const after of point.startsWith("sink.write") ? [0, 25, 50] : [0, 1, 2]) {
      const faults = faultPoints().at(point, { fail: new Error("crash") }, { after });
      const checkpoint = { every: "1s", store: faultyCheckpoints(memoryCheckpoints(), faults) } as const;
      const slow = from(fileSource(input)).throttle({ elements: 2_000, per: "1s", name: "slow" });
      const copy = topology(
        "copy",
        slow.to(faultySink(fileSink(output), faults), { retry: { attempts: 1 }, batch: { size: 500 } }),
      );
      expect(copy.guarantees({ checkpoint })[0]?.level).toBe("exactly-once");
      const starts = await startUntilDone(copy, checkpoint);
      expect(faults.struck(point)).toBe(1);
      // After a failed commit the engine reads the newest epoch, and goes on from there.
      expect(starts).toBe(point.startsWith("store.commit") ? 1 : 2);
      expect(readFileSync(output, "utf8")).toBe(`${lines.join("\n")}\n`);
    }
  });

  it("fail clearly when they are missing or can not be written", async () => {
    await expect(from(fileSource(path("none.txt"))).countAll()).rejects.toThrow(/E_SOURCE.*none\.txt.*ENOENT/);
    await expect(
      from(["a"])
        .to(fileSink(path("no/out.txt")))
        .run(),
    ).rejects.toThrow(/E_SINK.*no\/out\.txt.*ENOENT/);
    expect(existsSync(path("no"))).toBe(false);
    await expect(
      from(["a\nb"])
        .to(fileSink(path("bad.txt")))
        .run(),
    ).rejects.toThrow(/E_FILE_VALUE/);
  });
});

describe("Node and web streams at the borders", () => {
  it("are read", async () => {
    expect(await from(Readable.from([1, 2, 3])).collect()).toEqual([1, 2, 3]);
    expect(await from(ReadableStream.from([1, 2, 3]) as ReadableStream<number>).collect()).toEqual([1, 2, 3]);
  });

  it("are made from a stream", async () => {
    expect(await Readable.from(from([1, 2, 3]).map((n) => n * 2)).toArray()).toEqual([2, 4, 6]);
  });

  it("are refused under a checkpoint, unless a function makes them", async () => {
    const checkpoint = { every: "1s", store: memoryCheckpoints() } as const;
    await expect(
      from(Readable.from([1]))
        .to(discardSink())
        .run({ checkpoint }),
    ).rejects.toThrow(/E_ONE_SHOT/);
    await from(() => Readable.from([1]), { name: "made" })
      .to(discardSink())
      .run({ checkpoint });
  });
});

describe("pushSource", () => {
  it("feeds a run and ends it, and promises at most once", async () => {
    const clicks = pushSource<number>({ name: "clicks", capacity: 2 });
    const sink = testSink<number>();
    const count = topology(
      "count",
      from(clicks)
        .map((n) => n + 1)
        .to(sink),
    );
    expect(count.guarantees()[0]).toMatchObject({ level: "at-most-once", because: expect.stringContaining("clicks") });
    const run = count.start();
    for (let i = 0; i < 100; i++) await clicks.push(i);
    clicks.end();
    expect((await run.done).status).toBe("completed");
    expect(sink.values).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });
});

describe("intervalSource", () => {
  it("ticks by the run's clock until nobody wants more", async () => {
    const clock = virtualClock();
    const ticks = from(intervalSource("1s")).take(3).collect({ clock });
    await clock.advance("10s");
    expect(await ticks).toEqual([0, 1, 2]);
    expect(clock.pending).toBe(0);
  });
});

describe("forEach", () => {
  it("fails the run at the value whose call throws, once", async () => {
    const seen: number[] = [];
    const failing = from([1, 2, 3]).forEach((n) => {
      seen.push(n);
      if (n === 2) throw new Error("no twos");
    });
    await expect(failing).rejects.toThrow(StreamError);
    await expect(failing).rejects.toThrow(/failed on 2: no twos/);
    expect(seen).toEqual([1, 2]);
  });
});
