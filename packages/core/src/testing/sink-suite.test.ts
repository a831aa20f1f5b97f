import { afterEach, describe, expect, it } from "vitest";
import { type SinkCommit, type SinkConnection, type SinkWriter, WriteError, type WriteOutcome } from "../connector.js";
import { StreamError } from "../errors.js";
import { sinkChecks } from "./sink-suite.js";
import { deadlines } from "./suite.js";
import { type TestSink, testSink } from "./test-sink.js";

const POISON = -1;
const refused: WriteOutcome = { class: "poison", code: "E_REFUSED", message: "negative" };

/** Breaks a sound writer. `store` lives as long as the store; a crashed server loses what is not in it. */
type Bug = (
  sound: SinkWriter<number>,
  store: TestSink<number>,
  state: Uint8Array | undefined,
) => Partial<SinkWriter<number>>;

interface Broken {
  readonly writes?: "append" | "idempotent";
  readonly rollsBack?: boolean;
  readonly batch?: { readonly size: number };
  readonly writer?: Bug;
  readonly connection?: (sound: SinkConnection<number>) => Partial<SinkConnection<number>>;
  readonly kill?: (store: TestSink<number>) => void;
}

/** Writes sound values, and gives an outcome for each where one is refused. */
function refusing(writer: SinkWriter<number>): SinkWriter<number> {
  return {
    ...writer,
    async write(values, context) {
      const kept = values.flatMap((value, i) => (value === POISON ? [] : [i]));
      const column = <V>(from: readonly V[]): V[] => kept.map((i) => from[i] as V);
      await writer.write(column(values), {
        ...context,
        ids: column(context.ids),
        keys: column(context.keys),
        times: column(context.times),
        origins: column(context.origins),
      });
      return kept.length === values.length
        ? undefined
        : values.map((value) => (value === POISON ? refused : "written"));
    },
  };
}

/** The names of the checks, of those named like `only`, that a sink with this bug fails. */
async function failures(
  { writes = "idempotent", rollsBack = false, batch, writer = () => ({}), connection = () => ({}), kill }: Broken,
  only = "",
): Promise<string[]> {
  let current: TestSink<number> | undefined;
  const checks = sinkChecks<number>({
    async setup() {
      const store = testSink<number>("store", { writes });
      current = store;
      const sink = {
        name: "broken",
        writes,
        ...(batch === undefined ? {} : { batch }),
        ...(rollsBack ? { rollsBack } : {}),
        async connect() {
          const sound = await store.connect({} as never);
          const calls: SinkConnection<number> = {
            ...sound,
            async open(task, state) {
              const inner = refusing(await sound.open(task, state));
              return { ...inner, ...writer(inner, store, state) };
            },
          };
          return { ...calls, ...connection(calls) };
        },
      };
      return { sink: () => sink, contents: async () => [...store.values], teardown: async () => {} };
    },
    sample: (index) => index,
    poison: () => POISON,
    ...(kill === undefined ? {} : { kill: async () => kill(current as TestSink<number>) }),
  });
  const failed: string[] = [];
  for (const { name, run } of checks.filter((check) => check.name.includes(only)))
    await run().catch(() => failed.push(name));
  return failed;
}

const bufferingUntilClose: Bug = (sound) => {
  const late: Parameters<typeof sound.write>[] = [];
  return {
    write: async (...args) => void late.push(args),
    close: async () => {
      for (const args of late.splice(0)) await sound.write(...args);
      await sound.close();
    },
  };
};

/** A length as the state of the last flush. */
const lengthState = async (store: TestSink<number>): Promise<SinkCommit> => ({
  state: new Uint8Array([store.values.length]),
});

const bugs: Readonly<Record<string, readonly [broken: Broken, caughtBy: string]>> = {
  "drops a value": [
    {
      writer: (sound) => ({
        write: (values, context) =>
          sound.write(
            values.map((value) => (value === 4 ? 5 : value)),
            context,
          ),
      }),
    },
    "written and flushed",
  ],
  "drops the last value of a large batch": [
    { writer: (sound) => ({ write: (values, context) => sound.write(values.slice(0, 999), context) }) },
    "as large as the engine makes",
  ],
  "drops the end of its own batch size": [
    {
      batch: { size: 1_500 },
      writer: (sound) => ({ write: (values, context) => sound.write(values.slice(0, 1_200), context) }),
    },
    "as large as the engine makes",
  ],
  "writes at close() what flush() should have": [{ writer: bufferingUntilClose }, "before it is closed"],
  "loses what is written while a write is under way": [
    {
      writer: (sound) => {
        let busy = false;
        return {
          async write(values, context) {
            if (busy) return;
            busy = true;
            await new Promise((resolve) => setImmediate(resolve));
            busy = false;
            return sound.write(values, context);
          },
        };
      },
    },
    "under way at once",
  ],
  "says that a value was not written": [
    {
      writer: (sound) => ({
        write: async (values, context) => {
          await sound.write(values, context);
          return values.map((value) => (value === 3 ? refused : "written"));
        },
      }),
    },
    "written and flushed",
  ],
  "gives an outcome too few": [
    {
      writer: (sound) => ({
        write: async (values, context) => {
          await sound.write(values, context);
          return values.slice(1).map(() => "written" as const);
        },
      }),
    },
    "written and flushed",
  ],
  "keeps one of the values without an id": [
    {
      writer: (sound) => ({
        write: (values, context) => sound.write(values, { ...context, ids: context.ids.map((id) => id ?? "none") }),
      }),
    },
    "without an id",
  ],
  "writes a replay again though it says it is idempotent": [
    {
      writer: (sound) => {
        let run = 0;
        return {
          write: (values, context) =>
            sound.write(values, { ...context, ids: context.ids.map((id) => id && `${id}@${run++}`) }),
        };
      },
    },
    "after a replay",
  ],
  "takes a value's place in its batch for an id": [
    {
      writer: (sound) => ({
        write: (values, context) =>
          sound.write(values, {
            ...context,
            ids: context.ids.map(
              (id, i) => id && (values.length === 40 ? `${i}` : `${values.length}/${i}/${values[0]}`),
            ),
          }),
      }),
    },
    "after a replay",
  ],
  "knows a replay only within a connection": [
    {
      writer: (sound) => {
        const run = String(Math.random());
        return {
          write: (values, context) =>
            sound.write(values, { ...context, ids: context.ids.map((id) => id && `${run}/${id}`) }),
        };
      },
    },
    "after a replay",
  ],
  "loses a replayed value that appends": [
    {
      writes: "append",
      writer: (sound, store) => ({
        write: (values, context) => (store.values.length >= 40 ? Promise.resolve() : sound.write(values, context)),
      }),
    },
    "after a replay",
  ],
  "shares a buffer between tasks, and clears it at close()": [
    {
      writer: (() => {
        const shared: Parameters<SinkWriter<number>["write"]>[] = [];
        return (sound) => ({
          write: async (...args) => void shared.push(args),
          flush: async () => {
            const mine = shared.shift();
            if (mine !== undefined) await sound.write(...mine);
          },
          close: async () => void shared.splice(0),
        });
      })(),
    },
    "several tasks",
  ],
  "refuses a second task with any error": [
    {
      connection: (sound) => {
        let opened = false;
        return {
          async open(task, state) {
            if (opened) throw new TypeError("Cannot read properties of undefined");
            opened = true;
            return sound.open(task, state);
          },
        };
      },
    },
    "several tasks",
  ],
  "says that it rolls back, and gives no state": [{ rollsBack: true, writes: "append" }, "rolls back"],
  "does not roll back": [
    {
      rollsBack: true,
      writes: "append",
      writer: (_, store) => ({
        flush: () => lengthState(store),
      }),
    },
    "rolls back",
  ],
  "rolls back to the newest state instead of the saved one": [
    {
      rollsBack: true,
      writes: "append",
      writer: (_, store, state) => {
        if (state !== undefined) store.values.length = Math.min(store.values.length, 20);
        return { flush: () => lengthState(store) };
      },
    },
    "rolls back",
  ],
  "can not be flushed with nothing written": [
    {
      writer: (sound) => {
        let dirty = false;
        return {
          write: (values, context) => {
            dirty = true;
            return sound.write(values, context);
          },
          flush: async (epoch) => {
            if (!dirty) throw new Error("nothing to flush");
            dirty = false;
            return sound.flush?.(epoch);
          },
        };
      },
    },
    "nothing written",
  ],
  "writes its buffer again at a second flush": [
    {
      writes: "append",
      writer: (sound) => {
        const held: Parameters<typeof sound.write>[] = [];
        return {
          write: async (...args) => void held.push(args),
          flush: async () => {
            for (const args of held) await sound.write(...args);
          },
        };
      },
    },
    "nothing written",
  ],
  "fails at a second close()": [
    {
      writer: (sound) => {
        let closed = false;
        return {
          close: async () => {
            if (closed) throw new Error("closed already");
            closed = true;
            await sound.close();
          },
        };
      },
    },
    "closed twice",
  ],
  "fails at a second close() of the connection": [
    {
      connection: (sound) => {
        let closed = false;
        return {
          close: async () => {
            if (closed) throw new Error("closed already");
            closed = true;
            await sound.close();
          },
        };
      },
    },
    "closed twice",
  ],
  "is down": [{ connection: () => ({ health: async () => ({ status: "down", detail: "no" }) }) }, "is up"],
  "hangs when its signal has ended": [
    {
      writer: (sound) => ({
        write: (values, context) => (context.signal.aborted ? new Promise(() => {}) : sound.write(values, context)),
      }),
    },
    "signal has ended",
  ],
  "hangs when its signal ends": [
    {
      writer: (sound) => ({
        write: (values, context) =>
          new Promise((resolve) =>
            setImmediate(() => (context.signal.aborted ? undefined : resolve(sound.write(values, context)))),
          ),
      }),
    },
    "signal has ended",
  ],
  "is of no use after an aborted write": [
    {
      writer: (sound) => {
        let broken = false;
        return {
          write: (values, context) => {
            broken ||= context.signal.aborted;
            if (broken) throw new WriteError("fatal", "E_BROKEN", "the connection is gone");
            return sound.write(values, context);
          },
        };
      },
    },
    "signal has ended",
  ],
  "calls a refused value transient": [
    {
      writer: (sound) => ({
        write: async (values, context) => {
          if (values.includes(POISON)) throw new Error("server said no");
          return sound.write(values, context);
        },
      }),
    },
    "calls a refused value poison",
  ],
  "drops a refused value silently": [
    { writer: (sound) => ({ write: async (values, context) => void (await sound.write(values, context)) }) },
    "calls a refused value poison",
  ],
  "ends for good at a refused value": [
    {
      writer: (sound) => {
        let ended = false;
        return {
          write: async (values, context) => {
            if (ended) throw new WriteError("fatal", "E_ENDED", "closed by the server");
            ended = values.includes(POISON);
            return sound.write(values, context);
          },
        };
      },
    },
    "calls a refused value poison",
  ],
  "names the value behind the refused one": [
    {
      writer: (sound) => ({
        write: async (values, context) => {
          const outcomes = await sound.write(values, context);
          if (outcomes === undefined || values.length === 1) return outcomes;
          return [...outcomes.slice(-1), ...outcomes.slice(0, -1)];
        },
      }),
    },
    "writes the others",
  ],
  "calls the whole batch refused": [
    {
      writer: (sound) => ({
        write: async (values, context) => {
          if (values.includes(POISON)) return values.map(() => refused);
          return sound.write(values, context);
        },
      }),
    },
    "writes the others",
  ],
  "says written of what stands behind a refused value, and drops it": [
    {
      writer: (sound) => ({
        write: async (values, context) => {
          const bad = values.indexOf(POISON);
          if (bad === -1) return sound.write(values, context);
          await sound.write(values.slice(0, bad), context);
          return values.map((value) => (value === POISON ? refused : "written"));
        },
      }),
    },
    "writes the others",
  ],
  "appends and refuses a batch as a whole, without saying what was written": [
    {
      writes: "append",
      writer: (sound) => ({
        write: async (values, context) => {
          if (values.includes(POISON)) throw new WriteError("poison", "E_REFUSED", "negative");
          return sound.write(values, context);
        },
      }),
    },
    "writes the others",
  ],
  "says atomic and is not": [
    {
      writes: "append",
      writer: (sound) => ({
        write: async (values, context) => {
          const bad = values.indexOf(POISON);
          if (bad === -1) return sound.write(values, context);
          await sound.write(values.slice(0, bad), context);
          throw new WriteError("poison", "E_REFUSED", "negative", { atomic: true });
        },
      }),
    },
    "writes the others",
  ],
  "loses what was flushed when it is killed": [{ kill: (store) => void store.values.splice(7, 1) }, "killed"],
  "can not be opened": [
    {
      connection: () => ({
        open: async () => {
          throw new StreamError("E_SINK", "no");
        },
      }),
    },
    "written and flushed",
  ],
};

describe("sinkSuite finds a sink that", () => {
  const patient = { ...deadlines };
  afterEach(() => Object.assign(deadlines, patient));

  it.each(Object.entries(bugs))("%s", async (_, [broken, caughtBy]) => {
    Object.assign(deadlines, { callMs: 500, restartMs: 500 });
    expect(await failures(broken, caughtBy)).not.toEqual([]);
  });
});

describe("sinkSuite passes a sound sink that", () => {
  const sound: Readonly<Record<string, Broken>> = {
    appends: { writes: "append", kill: () => {} },
    "is idempotent": { writes: "idempotent", kill: () => {} },
    "refuses a batch as a whole, atomically": {
      writes: "append",
      writer: (sink) => ({
        write: async (values, context) => {
          if (values.includes(POISON)) throw new WriteError("poison", "E_REFUSED", "negative", { atomic: true });
          return sink.write(values, context);
        },
      }),
    },
    "refuses a batch as a whole, half written, and is idempotent": {
      writer: (sink) => ({
        write: async (values, context) => {
          const bad = values.indexOf(POISON);
          if (bad === -1) return sink.write(values, context);
          await sink.write(values.slice(0, bad), context);
          throw new WriteError("poison", "E_REFUSED", "negative");
        },
      }),
    },
    "rolls back": {
      rollsBack: true,
      writes: "append",
      writer: (_, store, state) => {
        store.values.length = state?.[0] ?? 0;
        return { flush: () => lengthState(store) };
      },
    },
  };

  it.each(Object.entries(sound))("%s", async (_, sink) => {
    expect(await failures(sink)).toEqual([]);
  });

  it("writes inside the checkpoint store's transaction, with apply()", async () => {
    const checks = sinkChecks<number>({
      async setup() {
        const stored = new Map<number, number>();
        const sink = {
          name: "transactional",
          writes: "idempotent" as const,
          system: "test:1",
          async connect() {
            return {
              async open() {
                const held: number[] = [];
                return {
                  write: async (values: readonly number[]) => void held.push(...values),
                  flush: async () => ({ commit: held.splice(0) }),
                  close: async () => {},
                };
              },
              close: async () => {},
            };
          },
        };
        return {
          sink: () => sink,
          contents: async () => [...stored.keys()],
          apply: async (payload) => {
            for (const value of payload as number[]) stored.set(value, value);
          },
          teardown: async () => {},
        };
      },
      sample: (index) => index,
    });
    for (const { run } of checks) await run();
  });
});
