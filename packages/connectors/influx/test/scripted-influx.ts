import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { gunzipSync } from "node:zlib";

/** What the server does with one write. Lines are stored before the answer goes out, or the connection breaks. */
export interface Answer {
  /** 204 and all lines, unless something else is asked for. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message?: string;
  /** The whole answer, instead of that. */
  readonly body?: object;
  /** How many of the lines are stored. */
  readonly stored?: "all" | "none" | "half";
  /** The connection is reset instead of an answer: before it has a head, or in the middle of its body. */
  readonly reset?: "before" | "inside";
  /** No answer at all. */
  readonly hang?: boolean;
}

/** A request as it came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

/**
 * An HTTP server of our own that speaks as InfluxDB does and keeps what it acknowledged. Writes get the answers of the script, one after another, and behind it those of
 * `rules`; a write of nothing is always answered 204.
 */
export class ScriptedInflux {
  readonly seen: Seen[] = [];
  /** line → how often it was stored */
  readonly stored: Map<string, number> = new Map();
  readonly script: Answer[] = [];
  /** What a body gets when the script is over; undefined: 204. */
  rules: (lines: readonly string[]) => Answer | undefined = () => undefined;
  /** What a query gets. */
  query: (body: string, response: ServerResponse) => void = (_, response) => void response.end();
  hanging = 0;
  readonly #server: Server;
  readonly #secure: boolean;

  private constructor(tls: ServerOptions | undefined) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#secure = tls !== undefined;
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  }

  static async start(tls?: ServerOptions): Promise<ScriptedInflux> {
    const influx = new ScriptedInflux(tls);
    await new Promise<void>((resolve) => influx.#server.listen(0, "127.0.0.1", resolve));
    return influx;
  }

  get url(): string {
    return `http${this.#secure ? "s" : ""}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Writes of points. */
  get writes(): readonly Seen[] {
    return this.seen.filter(({ path, body }) => path.includes("/write") && body !== "");
  }

  /** Connections that are still there. */
  connections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_, count) => resolve(count)));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const body = (request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString();
    const { method = "", url: path = "", headers } = request;
    this.seen.push({ method, path, body, headers });
    if (path.includes("/query")) this.query(body, response);
    else if (!path.includes("/write") || body === "") response.writeHead(path === "/health" ? 200 : 204).end();
    else this.#write(body.split("\n"), request.socket, response);
  }

  #write(lines: readonly string[], socket: Socket, response: ServerResponse): void {
    const answer = this.script.shift() ?? this.rules(lines) ?? {};
    const {
      status = 204,
      headers = {},
      message = "no",
      body = { code: "scripted", message },
      reset,
      hang = false,
    } = answer;
    const { stored = status === 204 && reset === undefined && !hang ? "all" : "none" } = answer;
    const kept = stored === "all" ? lines : stored === "half" ? lines.slice(0, lines.length >> 1) : [];
    for (const line of kept) this.stored.set(line, (this.stored.get(line) ?? 0) + 1);
    if (hang) {
      this.hanging++;
      response.once("close", () => this.hanging--);
    } else if (reset === "before") socket.resetAndDestroy();
    else if (reset === "inside") {
      response.writeHead(503, { "content-type": "application/json", "content-length": "1000" });
      response.write('{"message":', () => socket.resetAndDestroy());
    } else if (status === 204) response.writeHead(204).end();
    else response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  }
}
