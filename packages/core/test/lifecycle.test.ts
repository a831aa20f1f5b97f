import { execFile } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type CheckpointStore,
  from,
  type Lookup,
  memoryCheckpoints,
  type Run,
  type RunOptions,
  type Sink,
  type Source,
  topology,
} from "../src/index.js";
import { type TestSource, testSource } from "../src/testing/test-source.js";
import { outcome, quietLogger, virtualRun } from "./recording.js";

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);

beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});

afterEach(async () => {
  // A rejection counts as unhandled only after the microtasks of its turn.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

/** How often a part was opened and closed. */
interface Ledger {
  readonly opened: Record<string, number>;
  readonly closed: Record<string, number>;
}

/** A part that hangs at one of its calls until the test lets it go. */
interface Hang {
  at: string | undefined;
  release(): void;
}

/** A world of parts that note what is opened and closed, and hang or fail where they are told to. */
function parts(options: { readonly hang?: string; readonly failing?: string } = {}) {
  const ledger: Ledger = { opened: {}, closed: {} };
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const hang: Hang = { at: options.hang, release: () => release() };
  const pass = async (what: string): Promise<void> => {
    if (options.failing === what) throw new Error(`no ${what}`);
    if (hang.at === what) await released;
  };
  const count = (of: Record<string, number>, what: string): void => {
    of[what] = (of[what] ?? 0) + 1;
  };
  const opening = async <T>(what: string, part: T): Promise<T> => {
    await pass(what);
    count(ledger.opened, what);
    return part;
  };
  const closing = async (what: string): Promise<void> => {
    count(ledger.closed, what);
    if (options.failing === `close ${what}`) throw new Error(`close ${what}`);
  };
  const input: TestSource<number> = testSource<number>({ name: "in" });
  const source: Source<number> = {
    name: "in",
    bounded: true,
    connect: async (context) => {
      const connection = await input.connect(context);
      return opening("source", {
        ...connection,
        subscribe: async (listener) => {
          await pass("subscribe");
          await connection.subscribe(listener);
        },
        open: async (partition, position) => {
          const reader = await connection.open(partition, position);
          return opening("reader", {
            read: () => reader.read(),
            close: async () => {
              await reader.close();
              await closing("reader");
            },
          });
        },
        close: async () => {
          await connection.close();
          await closing("source");
        },
      });
    },
  };
  const sink: Sink<unknown> = {
    name: "out",
    writes: "append",
    connect: () =>
      opening("sink", {
        open: () =>
          opening("writer", {
            write: () => pass("write"),
            flush: async () => void (await pass("flush")),
            close: () => closing("writer"),
          }),
        close: () => closing("sink"),
      }),
  };
  const lookup: Lookup<number, number> = {
    name: "table",
    fetch: async (keys) => {
      await pass("fetch");
      return new Map(keys.map((key) => [key, key]));
    },
    connect: () => opening("lookup", undefined),
    close: () => closing("lookup"),
  };
  const memory = memoryCheckpoints();
  const store: CheckpointStore = {
    name: "store",
    connect: async (context) => {
      const connection = await memory.connect(context);
      return opening("store", {
        lease: async (...args) => {
          await pass("lease");
          return connection.lease(...args);
        },
        release: (...args) => connection.release(...args),
        commit: async (...args) => {
          await pass("commit");
          await connection.commit(...args);
        },
        latestEpoch: (...args) => connection.latestEpoch(...args),
        close: async () => {
          await connection.close();
          await closing("store");
        },
      } satisfies Awaited<ReturnType<CheckpointStore["connect"]>>);
    },
  };
  const branch = topology(
    "t",
    from(source)
      .lookup(
        (n) => n,
        lookup,
        (n) => n,
      )
      .to(sink),
  );
  return { ledger, hang, input, branch, store };
}

/** Everything that was opened was closed, once. */
function expectClosed({ opened, closed }: Ledger): void {
  expect(closed).toEqual(opened);
  for (const [what, times] of Object.entries(opened)) expect([what, times]).toEqual([what, 1]);
}

function start(made: ReturnType<typeof parts>, options: RunOptions = {}) {
  const run = virtualRun({ checkpoint: { every: "1s", timeout: "10s", store: made.store }, ...options });
  const running = made.branch.start(run);
  return { run: running, clock: run.clock, done: outcome(running.done), logger: run.logger };
}

const ALL = ["store", "lookup", "sink", "source", "writer", "reader"];

describe("every part is closed once, no timer stays, nothing is rejected unseen", () => {
  const expectOver = async ({ clock, done }: ReturnType<typeof start>, ledger: Ledger): Promise<void> => {
    await clock.settle();
    expect(done.settled).toBe(true);
    expectClosed(ledger);
    expect(clock.pending).toBe(0);
  };

  it("after a run that completed", async () => {
    const made = parts();
    const run = start(made);
    made.input.push(1);
    made.input.end();
    await expectOver(run, made.ledger);
    expect(run.done.value?.status).toBe("completed");
    expect(Object.keys(made.ledger.opened).sort()).toEqual([...ALL].sort());
  });

  it("after a run that was stopped, in the middle and at once", async () => {
    const made = parts();
    const run = start(made);
    made.input.push(1);
    await run.clock.settle();
    outcome(run.run.stop());
    await expectOver(run, made.ledger);
    expect(run.done.value?.status).toBe("stopped");
    const other = parts();
    const atOnce = start(other);
    outcome(atOnce.run.stop());
    await expectOver(atOnce, other.ledger);
    expect(atOnce.done.value?.status).toBe("stopped");
    expect(other.ledger.opened).toEqual({});
  });

  it("after a run that was aborted, in the middle and at once", async () => {
    for (const wait of [true, false]) {
      const made = parts();
      const run = start(made);
      made.input.push(1);
      if (wait) await run.clock.settle();
      run.run.abort(new Error("enough"));
      run.run.abort();
      await expectOver(run, made.ledger);
      expect(String(run.done.error)).toBe("Error: enough");
      expect(Object.keys(made.ledger.opened).length).toBe(wait ? ALL.length : 0);
    }
  });

  it.each(["store", "lookup", "sink", "source", "subscribe", "lease", "writer", "reader"])(
    "after an abort while %s hangs on its way; what opens late is closed then",
    async (hang) => {
      const made = parts({ hang });
      const run = start(made);
      await run.clock.settle();
      expect(run.done.settled).toBe(false);
      run.run.abort();
      await run.clock.settle();
      expect(run.done.error).toMatchObject({ code: "E_ABORTED" });
      made.hang.release();
      await expectOver(run, made.ledger);
    },
  );

  it.each(["store", "lookup", "sink", "source", "subscribe", "lease", "writer", "reader"])(
    "after %s failed to open",
    async (failing) => {
      const made = parts({ failing });
      const run = start(made);
      await expectOver(run, made.ledger);
      expect(String(run.done.error)).toContain(`no ${failing}`);
    },
  );

  it.each(["fetch", "write", "flush", "commit"])("after an abort while %s hangs", async (hang) => {
    const made = parts({ hang });
    const run = start(made);
    made.input.push(1);
    await run.clock.advance("2s");
    run.run.abort();
    await expectOver(run, made.ledger);
    made.hang.release();
    await run.clock.settle();
    expectClosed(made.ledger);
  });

  it.each(["fetch", "write", "flush", "commit"])("after stop() timed out while %s hung", async (hang) => {
    const made = parts({ hang });
    const run = start(made);
    made.input.push(1);
    await run.clock.settle();
    outcome(run.run.stop({ timeout: "3s" }));
    await run.clock.advance("3s");
    await expectOver(run, made.ledger);
    expect(run.done.error).toMatchObject({ code: "E_STOP_TIMEOUT" });
    expect(String(run.done.error)).toMatch(
      { fetch: /lookup-1/, write: /"out" has 1 writes/, flush: /out/, commit: /store to commit/ }[hang] as RegExp,
    );
  });

  it.each(ALL)(
    "after %s failed to close: the others are closed all the same, and the run's outcome stands",
    async (failing) => {
      const made = parts({ failing: `close ${failing}` });
      const run = start(made);
      made.input.push(1);
      made.input.end();
      await expectOver(run, made.ledger);
      expect(run.done.value?.status).toBe("completed");
      expect(run.logger).toMatchObject({ warnings: ["closing failed"] });
    },
  );

  it("when an operator is closed that holds something outside", async () => {
    const made = parts();
    const run = start(made, { signal: AbortSignal.abort(new Error("before it began")) });
    await expectOver(run, made.ledger);
    expect(String(run.done.error)).toBe("Error: before it began");
    expect(made.ledger.opened).toEqual({});
  });

  it("twice, for the same topology run twice at the same time", async () => {
    const made = parts();
    const first = start(made, { checkpoint: "none" });
    const second = start(made, { checkpoint: "none" });
    made.input.push(1);
    made.input.end();
    await first.clock.settle();
    await second.clock.settle();
    expect([first.done.value?.status, second.done.value?.status]).toEqual(["completed", "completed"]);
    expect(made.ledger.closed).toEqual(made.ledger.opened);
    expect(made.ledger.opened).toEqual({ lookup: 2, sink: 2, source: 2, writer: 2, reader: 2 });
  });
});

/** A sink that does nothing. */
function ignore(): Sink<unknown> {
  return {
    name: "none",
    writes: "append",
    connect: async () => ({
      open: async () => ({ write: async () => {}, close: async () => {} }),
      close: async () => {},
    }),
  };
}

const forever = function* () {
  for (let n = 0; ; n++) yield n;
} as unknown as () => AsyncIterable<number>;

describe("beside an endless synchronous iterable", () => {
  it("a timer of 1 ms fires at least 20 times a second, and stop() ends the run", async () => {
    const run = from(forever)
      .map((n) => n + 1)
      .filter((n) => n % 2 === 0)
      .to(ignore())
      .start();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    // Half a second of this process's own time: what else the machine does takes no part in it.
    const before = process.cpuUsage();
    const used = () => {
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    while (used() < 500_000) await new Promise((resolve) => setImmediate(resolve));
    clearInterval(timer);
    expect(ticks).toBeGreaterThanOrEqual(10);
    const summary = await run.stop();
    expect(summary.status).toBe("stopped");
    expect(summary.operators[0]?.out).toBeGreaterThan(1_000);
  });

  it("abort() and a signal end the run", async () => {
    const run = from(forever).to(ignore()).start({ logger: quietLogger() });
    await new Promise((resolve) => setTimeout(resolve, 30));
    run.abort();
    await expect(run.done).rejects.toMatchObject({ code: "E_ABORTED" });
    await expect(from(forever).countAll({ signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
  });
});

describe("for await", () => {
  it("runs the topology anew each time, and waits while the loop is busy", async () => {
    let begun = 0;
    let made = 0;
    const stream = from((() => {
      begun++;
      return (function* () {
        for (let n = 0; n < 3; n++) {
          made++;
          yield n;
        }
      })();
    }) as unknown as () => AsyncIterable<number>).map((n) => n * 2);
    const seen: number[][] = [[], []];
    for await (const n of stream) seen[0]?.push(n);
    for await (const n of stream) seen[1]?.push(n);
    expect([seen, begun, made]).toEqual([
      [
        [0, 2, 4],
        [0, 2, 4],
      ],
      2,
      6,
    ]);
  });

  it("ends the run at break, return and throw, and closes the input", async () => {
    for (const how of ["break", "throw"]) {
      let closed = 0;
      const endless = (() =>
        (function* () {
          try {
            for (let n = 0; ; n++) yield n;
          } finally {
            closed++;
          }
        })()) as unknown as () => AsyncIterable<number>;
      let last = 0;
      const loop = async () => {
        for await (const n of from(endless)) {
          last = n;
          if (n === 5_000 && how === "break") break;
          if (n === 5_000) throw new Error("from the loop");
        }
      };
      if (how === "break") await loop();
      else await expect(loop()).rejects.toThrow("from the loop");
      expect([last, closed]).toEqual([5_000, 1]);
    }
  });

  it("reads no more than the loop takes", async () => {
    let made = 0;
    const counting = (() =>
      (function* () {
        for (;;) yield made++;
      })()) as unknown as () => AsyncIterable<number>;
    const iterator = from(counting)[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(made).toBeLessThan(10_000);
    await iterator.return?.();
  });

  it("throws what ended the run, behind the values before it", async () => {
    const seen: number[] = [];
    const failing = from([1, 2, 3]).mapAsync(
      async (n) => {
        if (n === 3) throw new Error("three");
        return n;
      },
      { concurrency: 1 },
    );
    const loop = async () => {
      for await (const n of failing) seen.push(n);
    };
    const warn = vi.spyOn(console, "error").mockImplementation(() => {});
    await expect(loop()).rejects.toMatchObject({ code: "E_OPERATOR" });
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
    expect(seen.length).toBeLessThanOrEqual(2);
  });

  it("begins nothing before the first next(), and nothing after a return()", async () => {
    let begun = 0;
    const stream = from((() => {
      begun++;
      return [1];
    }) as unknown as () => AsyncIterable<number>);
    const iterator = stream[Symbol.asyncIterator]();
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(begun).toBe(0);
  });
});

describe("a process that ran a topology", () => {
  it.each([
    [
      "to its end",
      "await topology('t', from([1, 2, 3]).keyBy((n) => n).stateful('s', spec).to(discardSink())).run({ checkpoint: { every: '1s', store: memoryCheckpoints() } });",
    ],
    ["and failed", "await from([1]).map(() => { throw new Error('no'); }).collect().catch(() => {});"],
    [
      "and aborted",
      "const run = from(forever).to(discardSink()).start({ logger: silent }); setTimeout(() => run.abort(), 20); await run.done.catch(() => {});",
    ],
    [
      "and stopped",
      "const run = from(forever).to(discardSink()).start(); setTimeout(() => run.stop(), 20); await run.done;",
    ],
    ["by for await, and broke out of it", "for await (const n of from(forever)) if (n > 3000) break;"],
  ])("%s exits by itself", async (_how, code) => {
    const index = fileURLToPath(new URL("../src/index.ts", import.meta.url));
    const file = join(await mkdtemp(join(tmpdir(), "millrace-exit-")), "program.mts");
    await writeFile(
      file,
      `import { discardSink, from, memoryCheckpoints, topology } from ${JSON.stringify(index)};
       const spec = { init: () => 0, onValue: (n: number) => [n + 1] as [number] };
       const silent = { debug() {}, info() {}, warn() {}, error() {} };
       const forever = (function* () { for (let n = 0; ; n++) yield n; }) as never as () => AsyncIterable<number>;
       ${code}
       console.log("over");`,
    );
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
    const { stdout } = await new Promise<{ stdout: string }>((resolve, reject) => {
      execFile(process.execPath, ["--import", tsx, file], { timeout: 50_000 }, (error, stdout, stderr) => {
        if (error === null) resolve({ stdout });
        else reject(new Error(`${error.message}\n${stderr}`));
      });
    });
    expect(stdout).toBe("over\n");
  });
});

describe("a run", () => {
  it("is aborted by its signal, with the signal's reason, and does not keep listening to it", async () => {
    const controller = new AbortController();
    const source = testSource<number>();
    const listeners: string[] = [];
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners.push("add");
      add(...args);
    }) as typeof add;
    const remove = signal.removeEventListener.bind(signal);
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners.push("remove");
      remove(...args);
    }) as typeof remove;
    const done = outcome(from(source).countAll(virtualRun({ signal })));
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error("user left"));
    await expect.poll(() => String(done.error)).toBe("Error: user left");
    expect(listeners.filter((what) => what === "add").length).toBe(
      listeners.filter((what) => what === "remove").length,
    );
  });

  it("has state to read by name and key, and metrics as text, while it runs and after it", async () => {
    const source = testSource<number>({ name: "in" });
    const counts = from(source)
      .keyBy((n) => n % 2)
      .stateful("count", { init: () => 0, onValue: (n: number) => [n + 1, n] as [number, number] });
    const options = virtualRun();
    const run = topology("scores", counts.to(ignore())).start(options);
    expect(run.state("count").get(1)).toBeUndefined();
    for (const value of [1, 3, 4]) source.push(value);
    await options.clock.settle();
    expect([run.state("count").get(1), run.state("count").get(0), run.state("count").get("1")]).toEqual([
      2,
      1,
      undefined,
    ]);
    expect(() => run.state("other")).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    expect(() => run.state("in")).toThrow(expect.objectContaining({ code: "E_ARGUMENT" }));
    const text = run.metrics().toPrometheus();
    expect(text).toMatch(/^millrace_operator_values_in_total\{.*operator="count".*\} 3$/m);
    expect(text).toMatch(/topology="scores"/);
    source.end();
    await run.done;
    expect(run.metrics().toPrometheus()).toMatch(/^millrace_operator_values_out_total\{.*operator="in".*\} 3$/m);
  });

  it("is disposed of by stopping", async () => {
    const source = testSource<number>();
    const run = from(source).to(ignore()).start(virtualRun());
    await run[Symbol.asyncDispose]();
    await expect(run.done).resolves.toMatchObject({ status: "stopped" });
    expect(source.counts.openReaders).toBe(0);
  });

  it("logs a failure nobody awaits, but not one that is awaited or an abort", async () => {
    const errors: string[] = [];
    const logger = { ...quietLogger(), error: (message: string) => void errors.push(message) };
    const failing = () =>
      from([1]).map(() => {
        throw new Error("no");
      });
    const sink = parts();
    await failing()
      .collect({ logger })
      .catch(() => {});
    expect(errors).toEqual([]);
    const run: Run = failing().to(ignore()).start({ logger });
    await expect.poll(() => errors).toEqual(['topology "stream" failed']);
    await run.done.catch(() => {});
    const aborted = sink.branch.start({ logger });
    aborted.abort();
    await aborted.done.catch(() => {});
    expect(errors).toHaveLength(1);
  });
});
