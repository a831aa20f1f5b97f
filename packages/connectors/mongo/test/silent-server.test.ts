import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { SinkConnection, SinkWriter, WriteContext } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import { MongoClient, type MongoClientOptions } from "mongodb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MongoSinkOptions, mongoSink } from "../src/index.js";
import { answerAll, ScriptedMongo } from "./scripted-mongo.js";

const context: WriteContext = {
  signal: new AbortController().signal,
  attempt: 1,
  ids: [],
  keys: [],
  times: [],
  origins: [],
};
const isWrite = (command: object): boolean => "update" in command || "insert" in command;

/** The client's ends of its connections to the server. */
const clientSockets = new Set<Socket>();
const noteSocket = (message: unknown): void => {
  const { socket } = message as { readonly socket: Socket };
  socket.once("connect", () => {
    if (socket.remotePort === Number(new URL(mongo.url).port)) clientSockets.add(socket);
  });
};

let mongo: ScriptedMongo;
const toClose: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  mongo = await ScriptedMongo.start();
  subscribe("net.client.socket", noteSocket);
});

afterEach(async () => {
  unsubscribe("net.client.socket", noteSocket);
  clientSockets.clear();
  for (const each of toClose.splice(0).reverse()) await each.close();
  await mongo.close();
});

async function openWriter(given: Partial<MongoSinkOptions<string>> = {}): Promise<SinkWriter<string>> {
  const sink = mongoSink<string>({
    url: mongo.url,
    database: "t",
    collection: "out",
    writes: "versioned",
    write: (text) => ({ kind: "guarded", version: "n", document: { _id: 1, n: 1, text } }),
    ...given,
  } as MongoSinkOptions<string>);
  const connection: SinkConnection<string> = await sink.connect(testContext());
  toClose.push(connection);
  return connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
}

async function openClient(options: MongoClientOptions = {}): Promise<MongoClient> {
  const client = new MongoClient(mongo.url, { retryWrites: false, retryReads: false, ...options });
  toClose.push(client);
  return client.connect();
}

describe("a connection that ends just before the driver sends on it", () => {
  it.each(["write", "read"] as const)("fails the %s, and the next one has another connection", async (kind) => {
    const client = await openClient({ monitorCommands: true });
    const writer = await openWriter({ client, database: "t" });
    const attempt = (): Promise<unknown> =>
      kind === "write" ? Promise.resolve(writer.write(["a"], context)) : client.db("t").command({ ping: 1 });
    await attempt();
    // The driver has looked whether the connection is open, and not yet sent.
    client.once("commandStarted", () => {
      for (const socket of clientSockets) socket.destroy();
    });
    await expect(attempt()).rejects.toThrow(/closed/);
    await expect(attempt()).resolves.toBeDefined();
  });
});

/** As the engine does: a machine that is busy may keep an answer longer than these tests wait. */
async function untilWritten(writer: SinkWriter<string>): Promise<void> {
  const attempt = async (): Promise<unknown> => writer.write(["a"], context);
  await expect.poll(() => attempt().catch(() => []), { timeout: 15_000 }).toEqual(["written"]);
}

describe("a server that stands still", () => {
  it("in the middle of a write: its outcome is unknown after writeTimeoutMs, and the next try has another connection", async () => {
    const writer = await openWriter({ writeTimeoutMs: 50 });
    const asked: unknown[] = [];
    mongo.script = (command, socket) => {
      if (!isWrite(command)) return answerAll(command);
      asked.push(socket);
      return asked.length > 1 ? answerAll(command) : undefined;
    };
    await expect(writer.write(["a"], context)).rejects.toMatchObject({
      class: "unknown-outcome",
      code: "E_MONGO_CONNECTION",
    });
    await untilWritten(writer);
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.slice(1)).not.toContain(asked[0]);
  });

  it("and takes no more bytes: the same", async () => {
    const writer = await openWriter({ writeTimeoutMs: 50 });
    await untilWritten(writer);
    for (const socket of mongo.sockets) socket.pause();
    const values = Array.from({ length: 4 }, () => "x".repeat(10 * 1024 * 1024));
    await expect(writer.write(values, context)).rejects.toMatchObject({ class: "unknown-outcome" });
    await untilWritten(writer);
  });

  it("is given 30 s, by a client that waits for ever too", async () => {
    const client = await openClient();
    const writer = await openWriter({ client, database: "t" });
    const silent = new Promise<void>((resolve) => {
      mongo.script = () => {
        resolve();
        return undefined;
      };
    });
    const writing = writer.write(["a"], context);
    await silent;
    expect([...clientSockets].map((socket) => socket.timeout)).toContain(30_000);
    for (const socket of mongo.sockets) socket.destroy();
    await expect(writing).rejects.toMatchObject({ class: "unknown-outcome" });
  });

  it("while it greets: nothing was sent, so any write is tried again", async () => {
    const writer = await openWriter({ timeoutMs: 1_000 } as Partial<MongoSinkOptions<string>>);
    await writer.write(["a"], context);
    mongo.greets = false;
    for (const socket of mongo.sockets) socket.destroy();
    // The first one may still be sent on a connection that is just being lost.
    await Promise.resolve(writer.write(["a"], context)).catch(() => {});
    await expect(writer.write(["a"], context)).rejects.toMatchObject({
      class: "transient",
      code: "E_MONGO_CONNECTION",
    });
    mongo.greets = true;
    for (const socket of mongo.sockets) socket.destroy();
    await untilWritten(writer);
  });
});

it("a writeTimeoutMs that is no number of milliseconds is refused", () => {
  const make = (writeTimeoutMs: number) =>
    mongoSink({ url: mongo.url, database: "t", collection: "out", write: () => undefined, writeTimeoutMs });
  expect(() => make(0)).toThrow(/writeTimeoutMs must be a whole number of milliseconds from 1; it is 0/);
  expect(() => make(0.5)).toThrow(/writeTimeoutMs/);
});
