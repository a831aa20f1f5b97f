import { status } from "@grpc/grpc-js";
import { type DeadLetter, from, type SinkWriter, WriteError } from "@millrace/core";
import { testContext, testSink } from "@millrace/core/testing";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { type StandIn, startStandIn } from "../../../../testbed/dgraph-stand-in/index.js";
import type { DgraphWrite } from "../src/index.js";
import { contentsOf, type FreshGraph, freshGraph } from "./fresh-graph.js";
import { type Given, writeSink } from "./writing.js";

/** What only a server of ours can be made to do. */
const standIn: StandIn = await startStandIn();
const url = standIn.address;

afterEach(() => standIn.faults.clear());

const RETRY = { attempts: 6, delay: "1ms", maxDelay: "5ms" } as const;
const set = (graph: FreshGraph, id: string, number: number): DgraphWrite => ({
  kind: "set",
  id,
  fields: { [graph.name("number")]: number },
});

async function writerOf(graph: FreshGraph, given: Given = {}): Promise<SinkWriter<DgraphWrite>> {
  const connection = await writeSink(url, graph, given).connect(testContext());
  onTestFinished(() => connection.close());
  return connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
}

const context = (attempt = 1): Parameters<SinkWriter<unknown>["write"]>[1] => ({
  signal: new AbortController().signal,
  attempt,
  ids: [],
  keys: [],
  times: [],
  origins: [],
});

async function failureOf(writing: Promise<unknown>): Promise<WriteError> {
  const error = await writing.then(
    () => undefined,
    (failed: unknown) => failed,
  );
  expect(error).toBeInstanceOf(WriteError);
  return error as WriteError;
}

describe("a commit", () => {
  it("whose answer is lost is unknown, and is written again without harm", async () => {
    const graph = await freshGraph(url);
    standIn.faults.next("commitOrAbort", { kind: "loseAnswer", code: status.UNAVAILABLE });
    const writer = await writerOf(graph);
    expect(await failureOf(Promise.resolve(writer.write([set(graph, "a", 1)], context())))).toMatchObject({
      class: "unknown-outcome",
    });
    expect(await contentsOf(url, graph)).toMatchObject([{ id: "a", number: 1 }]);
    standIn.faults.next("commitOrAbort", { kind: "loseAnswer", code: status.UNAVAILABLE }, 3);
    await from(Array.from({ length: 20 }, (_, i) => set(graph, `n${i}`, i)))
      .to(writeSink(url, graph, { batch: { size: 10 } }), { retry: RETRY })
      .run();
    expect(await contentsOf(url, graph)).toHaveLength(21);
  });

  it("that comes late meets what was committed meanwhile, and changes nothing", async () => {
    const graph = await freshGraph(url);
    let arrives = (): void => {};
    const until = new Promise<void>((resolve) => {
      arrives = resolve;
    });
    standIn.faults.next("commitOrAbort", { kind: "hold", until });
    const calls = (): number => standIn.faults.calls.get("commitOrAbort") ?? 0;
    const callsBefore = calls();
    const run = new AbortController();
    const late = await writerOf(graph);
    const writing = Promise.resolve(late.write([set(graph, "a", 1)], { ...context(), signal: run.signal }));
    await expect.poll(calls).toBe(callsBefore + 1);
    run.abort(new Error("the process was stopped"));
    await expect(writing).rejects.toThrow("the process was stopped");
    const now = await writerOf(graph);
    await now.write([set(graph, "a", 2)], context());
    const abortsBefore = standIn.database.oracle.aborts;
    arrives();
    await expect.poll(() => standIn.database.oracle.aborts).toBe(abortsBefore + 1);
    expect(await contentsOf(url, graph)).toMatchObject([{ id: "a", number: 2 }]);
  });

  it("of several steps is one: it is whole, or nothing of it is there", async () => {
    const graph = await freshGraph(url);
    const writer = await writerOf(graph);
    // A deleted node that comes again needs a second request of the same transaction, and so does what follows.
    const writes: DgraphWrite[] = [set(graph, "a", 1), { kind: "delete", id: "a" }, set(graph, "a", 2)];
    standIn.faults.next("mutate", { kind: "hold", until: Promise.resolve() });
    standIn.faults.next("mutate", { kind: "refuse", code: status.UNAVAILABLE, message: "gone" });
    expect(await failureOf(Promise.resolve(writer.write(writes, context())))).toMatchObject({ class: "transient" });
    expect(await contentsOf(url, graph)).toEqual([]);
    await writer.write(writes, context(2));
    expect(await contentsOf(url, graph)).toMatchObject([{ id: "a", number: 2 }]);
    // A conflict with any of the steps counts.
    let goes = (): void => {};
    const until = new Promise<void>((resolve) => {
      goes = resolve;
    });
    standIn.faults.next("commitOrAbort", { kind: "hold", until });
    const both = failureOf(
      Promise.resolve(writer.write([set(graph, "b", 1), { kind: "delete", id: "c" }, set(graph, "c", 1)], context())),
    );
    const callsBefore = standIn.faults.calls.get("commitOrAbort") ?? 0;
    await expect.poll(() => standIn.faults.calls.get("commitOrAbort")).toBeGreaterThan(callsBefore);
    await (await writerOf(graph)).write([set(graph, "b", 9)], context());
    goes();
    expect(await both).toMatchObject({ class: "conflict", code: "E_DGRAPH_ABORTED" });
    expect(await contentsOf(url, graph)).toMatchObject([{ id: "a" }, { id: "b", number: 9 }]);
  });
});

describe("a write", () => {
  it.each<[what: string, code: number, message: string, errorClass: string]>([
    ["that another transaction was before", status.ABORTED, "Transaction has been aborted. Please retry", "conflict"],
    ["to a server that is away", status.UNAVAILABLE, "connection refused", "transient"],
    ["to a server that is not ready", status.UNKNOWN, "server is not ready to accept requests", "transient"],
    ["to a busy server", status.RESOURCE_EXHAUSTED, "too many requests", "throttled"],
  ])("%s is tried again", async (_what, code, message, errorClass) => {
    const graph = await freshGraph(url);
    standIn.faults.next("mutate", { kind: "refuse", code, message });
    const writer = await writerOf(graph);
    expect(await failureOf(Promise.resolve(writer.write([set(graph, "a", 1)], context())))).toMatchObject({
      class: errorClass,
    });
    standIn.faults.next("mutate", { kind: "refuse", code, message }, 3);
    await from([set(graph, "a", 1)])
      .to(writeSink(url, graph), { retry: RETRY })
      .run();
    expect(await contentsOf(url, graph)).toMatchObject([{ id: "a", number: 1 }]);
  });

  it("whose parts were written before one was refused says so, and leaves the rest to the next try", async () => {
    const graph = await freshGraph(url);
    const writer = await writerOf(graph);
    const values = [set(graph, "a", 1), set(graph, "b", 2), set(graph, "c", 3), set(graph, "d", 4)];
    standIn.faults.next("mutate", { kind: "hold", until: Promise.resolve() });
    standIn.faults.next("mutate", { kind: "refuse", code: status.UNKNOWN, message: "while lexing" });
    const outcomes = await writer.write(values, context(3));
    expect(outcomes).toMatchObject(["written", "written", { class: "conflict" }, { class: "conflict" }]);
    expect((await contentsOf(url, graph)).map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("that is too large for the server is halved, and only what is too large alone is a dead letter", async () => {
    const small = await startStandIn({ maxRequestBytes: 8_000 });
    onTestFinished(() => small.stop());
    const graph = await freshGraph(small.address);
    const text = (id: string, length: number): DgraphWrite => ({
      kind: "set",
      id,
      fields: { [graph.name("text")]: "x".repeat(length) },
    });
    const dead = testSink<DeadLetter<DgraphWrite>>();
    await from([text("a", 3_000), text("b", 3_000), text("large", 9_000), text("c", 3_000)])
      .to(writeSink(small.address, graph), { onError: dead })
      .run();
    expect(dead.values.map(({ value, error }) => [(value as { id: string }).id, error.code])).toEqual([
      ["large", "E_DGRAPH_TOO_LARGE"],
    ]);
    expect((await contentsOf(small.address, graph)).map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  it("ends at its deadline, which gRPC itself does not have", async () => {
    const graph = await freshGraph(url);
    const writer = await writerOf(graph, { timeout: "2s" });
    standIn.faults.next("mutate", { kind: "hold", until: new Promise(() => {}) });
    expect(await failureOf(Promise.resolve(writer.write([set(graph, "a", 1)], context())))).toMatchObject({
      class: "transient",
      code: "E_DGRAPH_CONNECTION",
    });
  });

  it("ends with the run, long before its deadline", async () => {
    const graph = await freshGraph(url);
    const writer = await writerOf(graph, { timeout: "1h" });
    standIn.faults.next("mutate", { kind: "hold", until: new Promise(() => {}) });
    const run = new AbortController();
    const writing = Promise.resolve(writer.write([set(graph, "a", 1)], { ...context(), signal: run.signal }));
    run.abort(new Error("enough"));
    await expect(writing).rejects.toThrow("enough");
  });
});

it("an answer that is broken JSON is an error", async () => {
  const graph = await freshGraph(url);
  standIn.faults.next("query", { kind: "answer", json: '{"schema": [' });
  await expect(writeSink(url, graph).connect(testContext())).rejects.toThrow(/answer can not be read/);
});

it("is down while the server is, and up again", async () => {
  const graph = await freshGraph(url);
  const connection = await writeSink(url, graph).connect(testContext());
  onTestFinished(() => connection.close());
  expect(await connection.health?.()).toMatchObject({ status: "up" });
  standIn.faults.next("checkVersion", { kind: "refuse", code: status.UNAVAILABLE, message: "away" });
  expect(await connection.health?.()).toMatchObject({ status: "down", detail: expect.stringContaining("away") });
  expect(await connection.health?.()).toMatchObject({ status: "up" });
});
