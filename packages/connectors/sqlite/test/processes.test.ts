import { type ChildProcess, type ForkOptions, fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { testContext } from "@millrace/core/testing";
import { sqliteCheckpoints, sqliteTopic } from "@millrace/sqlite";
import { afterEach, describe, expect, it } from "vitest";
import type { Answer, Order } from "./process-child.js";
import { tempDir } from "./temp-dir.js";
import { contents, texts } from "./text-topic.js";

const children: ChildProcess[] = [];
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  for (const child of children.splice(0)) if (child.exitCode === null && child.signalCode === null) await kill(child);
});

/** Another process with this package from source. */
function start(options: ForkOptions = {}): ChildProcess {
  const child = fork(fileURLToPath(new URL("./process-child.ts", import.meta.url)), [], {
    execArgv: ["--conditions=millrace-source", "--import", import.meta.resolve("tsx")],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    ...options,
  });
  children.push(child);
  return child;
}

async function order(child: ChildProcess, what: Order): Promise<Answer> {
  const over = new AbortController();
  const answer = once(child, "message", over);
  const exit = once(child, "exit", over).then(([code]) => {
    throw new Error(`the other process ended with ${code}`);
  });
  child.send(what);
  try {
    return ((await Promise.race([answer, exit])) as [Answer])[0];
  } finally {
    over.abort();
    await Promise.allSettled([answer, exit]);
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

const newFile = (): string => join(tempDir(), "app.db");

async function connect(file: string) {
  const connection = await sqliteCheckpoints({ file }).connect(testContext());
  closing.push(() => connection.close());
  return connection;
}

describe("two processes on one file", () => {
  it("do not hold one lease, and the second is told who has it", async () => {
    const file = newFile();
    const holder = start();
    expect(await order(holder, { do: "lease", file, task: "job" })).toEqual({ number: 1 });
    const connection = await connect(file);
    await expect(connection.lease("job")).rejects.toMatchObject({
      code: "E_LEASE_HELD",
      message: expect.stringContaining(`process ${holder.pid} on `),
    });
    expect(await order(holder, { do: "commit", task: "job", lease: 1, epoch: 1 }), "the first is unharmed").toEqual({
      epoch: 1,
    });
    // Another task of the same file is free.
    expect((await connection.lease("other")).number).toBe(1);
  });

  it("hand the lease on at once when its holder is killed, and the checkpoint with it", async () => {
    const file = newFile();
    const holder = start();
    await order(holder, { do: "lease", file, task: "job" });
    await order(holder, { do: "commit", task: "job", lease: 1, epoch: 7 });
    await kill(holder);
    const { number, latest } = await (await connect(file)).lease("job");
    expect([number, latest?.epoch]).toEqual([2, 7]);
  });

  it("let a standby wait until the holder is killed", async () => {
    const file = newFile();
    const holder = start();
    await order(holder, { do: "lease", file, task: "job" });
    const connection = await connect(file);
    const waiting = connection.lease("job", { wait: true });
    await order(holder, { do: "commit", task: "job", lease: 1, epoch: 3 });
    await kill(holder);
    const { number, latest } = await waiting;
    expect([number, latest?.epoch]).toEqual([2, 3]);
  });

  it("never give one lease to two of many that start at once", async () => {
    const file = newFile();
    const contenders = Array.from({ length: 4 }, () => start());
    // Each has loaded everything before the first asks.
    await Promise.all(contenders.map((child) => order(child, { do: "nothing" })));
    const answers = await Promise.all(contenders.map((child) => order(child, { do: "lease", file, task: "job" })));
    expect(answers.filter((answer) => "number" in answer)).toHaveLength(1);
    expect(answers.filter((answer) => "code" in answer && answer.code === "E_LEASE_HELD")).toHaveLength(3);
  });

  it("append to one topic, and readers find by polling what the other has written", async () => {
    const file = newFile();
    const topic = sqliteTopic({ file, name: "events", partitions: 1, pollInterval: 10 });
    closing.push(() => topic.close());
    const source = await texts(topic).connect(testContext());
    closing.push(() => source.close());
    const reader = await source.open("0", undefined);
    await reader.read();
    const pending = reader.read();
    const writer = start();
    const appended = order(writer, { do: "append", file, topic: "events", values: ["from afar"] });
    expect((await pending)?.values).toEqual(["from afar"]);
    expect(await appended).toEqual({ appended: 1 });
    const theirs = async (): Promise<void> => {
      for (let i = 0; i < 20; i++)
        await order(writer, { do: "append", file, topic: "events", values: [`theirs ${i}`] });
    };
    await Promise.all([theirs(), ...Array.from({ length: 20 }, (_, i) => topic.append({ value: `ours ${i}` }))]);
    expect(new Set(await contents(topic)).size).toBe(41);
  });
});

describe("a process", () => {
  it("can exit although a topic was not closed", async () => {
    const child = start();
    await order(child, { do: "append", file: newFile(), topic: "events", values: ["a"] });
    const exit = once(child, "exit");
    child.disconnect();
    expect(await exit).toEqual([0, null]);
  });

  it("can exit although it holds a lease, which ends with it", async () => {
    const file = newFile();
    const child = start();
    await order(child, { do: "lease", file, task: "job" });
    const exit = once(child, "exit");
    child.disconnect();
    expect(await exit).toEqual([0, null]);
    expect((await (await connect(file)).lease("job")).number).toBe(2);
  });

  it("that may only read the file is told so", async () => {
    const file = newFile();
    const first = await sqliteCheckpoints({ file }).connect(testContext());
    await first.lease("job");
    await first.close();
    const dir = dirname(file);
    chmodSync(file, 0o444);
    chmodSync(`${file}.lease`, 0o444);
    // Root may write everything, so as root the other process is nobody.
    const nobody = process.getuid?.() === 0 ? 65_534 : undefined;
    if (nobody !== undefined) chownSync(dir, 0, 0);
    chmodSync(dir, 0o555);
    const child = start(nobody === undefined ? {} : { uid: nobody, gid: nobody });
    for (const what of [
      { do: "lease", file, task: "job" },
      { do: "append", file, topic: "events", values: ["a"] },
    ] as const)
      expect(await order(child, what)).toMatchObject({
        code: expect.stringMatching(/^E_SQLITE_(READONLY|OPEN)$/),
        message: expect.stringContaining(file),
      });
    await kill(child);
    chmodSync(dir, 0o755);
  });
});
