import { createServer, type Server, type Socket } from "node:net";
import { BSON, type Document } from "mongodb";

const OP_REPLY = 1;
const OP_QUERY = 2_004;
const OP_MSG = 2_013;
const HEADER_BYTES = 16;

/** What becomes of a command; undefined: it gets no answer, and its connection stays open. */
export type Script = (command: Document, socket: Socket) => Document | undefined;

/** A server of our own that speaks enough of MongoDB's wire protocol for a client to find its primary and to write: for what a real server does once in a thousand kills. */
export class ScriptedMongo {
  /** Commands as they came, without those by which the client watches the server. */
  readonly seen: Document[] = [];
  readonly sockets: Set<Socket> = new Set();
  /** The answers of everything but the client's watching. */
  script: Script = answerAll;
  /** False: as one that the system takes connections for while it is still starting. */
  greets = true;
  readonly #server: Server;
  #port = 0;
  #requests = 0;

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<ScriptedMongo> {
    const mongo = new ScriptedMongo();
    await mongo.listen();
    return mongo;
  }

  /** Takes connections, on the same port each time. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as { readonly port: number }).port;
  }

  get url(): string {
    return `mongodb://127.0.0.1:${this.#port}/?directConnection=true`;
  }

  /** As a killed process: nothing listens any more, and what was open ends. */
  async end(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.sockets) socket.end();
    await closed;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.sockets.delete(socket));
    let bytes = Buffer.alloc(0);
    socket.on("data", (data) => {
      bytes = Buffer.concat([bytes, data]);
      while (bytes.length >= HEADER_BYTES && bytes.length >= bytes.readInt32LE(0)) {
        const length = bytes.readInt32LE(0);
        this.#take(bytes.subarray(0, length), socket);
        bytes = bytes.subarray(length);
      }
    });
  }

  #take(message: Buffer, socket: Socket): void {
    const request = message.readInt32LE(4);
    const query = message.readInt32LE(12) === OP_QUERY;
    const command = query ? queryOf(message) : bodyOf(message);
    const watches = "hello" in command || "ismaster" in command || "isMaster" in command;
    if (!watches) this.seen.push(command);
    const greeting = this.greets ? hello : undefined;
    const answer = watches ? greeting : this.script(command, socket);
    if (answer === undefined) return;
    const body = Buffer.from(BSON.serialize(answer));
    // OP_REPLY: flags, cursor, from, count. OP_MSG: flags, the kind of its one section.
    const head = query ? Buffer.alloc(HEADER_BYTES + 20) : Buffer.alloc(HEADER_BYTES + 5);
    if (query) head.writeInt32LE(1, HEADER_BYTES + 16);
    this.#requests++;
    head.writeInt32LE(head.length + body.length, 0);
    head.writeInt32LE(this.#requests, 4);
    head.writeInt32LE(request, 8);
    head.writeInt32LE(query ? OP_REPLY : OP_MSG, 12);
    socket.write(Buffer.concat([head, body]));
  }
}

const hello: Document = {
  ok: 1,
  isWritablePrimary: true,
  ismaster: true,
  helloOk: true,
  setName: "rs0",
  hosts: ["127.0.0.1"],
  minWireVersion: 0,
  maxWireVersion: 21,
  maxBsonObjectSize: 16 * 1024 * 1024,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  logicalSessionTimeoutMinutes: 30,
  readOnly: false,
};

/** Every collection is there, every write is done. */
export function answerAll(command: Document): Document {
  if ("listCollections" in command)
    return {
      ok: 1,
      cursor: { id: BSON.Long.ZERO, ns: "t.$cmd.listCollections", firstBatch: [{ name: "out", type: "collection" }] },
    };
  const writes: readonly unknown[] = command.updates ?? command.documents ?? command.deletes ?? [];
  return { ok: 1, n: writes.length, nModified: writes.length };
}

function queryOf(message: Buffer): Document {
  const nameEnd = message.indexOf(0, HEADER_BYTES + 4);
  return BSON.deserialize(message.subarray(nameEnd + 9));
}

/** The body, and the documents of sequences under their names. */
function bodyOf(message: Buffer): Document {
  let command: Document = {};
  let at = HEADER_BYTES + 4;
  while (at < message.length) {
    const sequence = message[at] === 1;
    at++;
    const end = at + message.readInt32LE(at);
    if (sequence) {
      const nameEnd = message.indexOf(0, at + 4);
      const documents: Document[] = [];
      for (let from = nameEnd + 1; from < end; from += message.readInt32LE(from))
        documents.push(BSON.deserialize(message.subarray(from, from + message.readInt32LE(from))));
      command = { ...command, [message.toString("utf8", at + 4, nameEnd)]: documents };
    } else command = { ...command, ...BSON.deserialize(message.subarray(at, end)) };
    at = end;
  }
  return command;
}
