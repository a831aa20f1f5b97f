import type { Clock, Health } from "@millrace/core";
import { type InfluxConnection, type SendOptions, type Transport, transportOf } from "./influx-connection.js";
import { classify, timedOut, unexpectedAnswer } from "./influx-errors.js";

const DEFAULT_TIMEOUT_MS = 30_000;

type Timers = Pick<Clock, "now" | "schedule">;

/** For calls outside a run, which has its own clock. */
const SYSTEM: Timers = {
  now: () => Date.now(),
  schedule: (atMs, fn) => {
    const timer = setTimeout(fn, Math.max(0, atMs - Date.now()));
    return () => clearTimeout(timer);
  },
};

/**
 * Requests over the client's transport, each with a deadline and an end. The client leaves a request open that has timed out, waits for ever where an answer
 * stops in its middle, and keeps a listener with the whole body for each request on the signal it is given: so each gets a signal of its own.
 */
export class InfluxRequests {
  readonly org: string;
  readonly #transport: Transport;
  readonly #timeoutMs: number;
  readonly #timers: Timers;
  readonly #bearer: Readonly<Record<string, string>>;

  /** Throws `E_ARGUMENT`. */
  constructor(connection: InfluxConnection, timers: Timers = SYSTEM) {
    this.org = connection.org;
    this.#transport = transportOf(connection);
    this.#timeoutMs = connection.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#timers = timers;
    this.#bearer = "token" in connection ? { authorization: `Bearer ${connection.token}` } : {};
  }

  /** Resolves only if InfluxDB has answered 204. */
  async write(
    path: string,
    lines: string,
    options: { readonly gzipThreshold: number; readonly bearer: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { gzipThreshold, bearer } = options;
    const headers = { "content-type": "text/plain; charset=utf-8", ...(bearer ? this.#bearer : {}) };
    const { status } = await this.#request(path, lines, { method: "POST", headers, gzipThreshold }, signal);
    if (status !== 204) throw unexpectedAnswer(status);
  }

  /** The answer's JSON. */
  async call(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: object): Promise<unknown> {
    const headers = { "content-type": "application/json", accept: "application/json" };
    return (await this.#request(path, body === undefined ? "" : JSON.stringify(body), { method, headers })).answer;
  }

  /** The bytes of an answer, as they come. */
  async *stream(path: string, body: object, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const limit = new Limit(this.#timers, this.#timeoutMs, signal);
    const headers = { "content-type": "application/json", accept: "application/csv" };
    try {
      const options = { method: "POST", headers, signal: limit.signal };
      for await (const chunk of this.#transport.iterate(path, JSON.stringify(body), options)) {
        limit.stop();
        yield chunk;
        limit.begin();
      }
    } catch (error) {
      throw limit.reasonOf(error);
    } finally {
      limit.close();
    }
  }

  /** A cheap probe. */
  async health(): Promise<Health> {
    const began = performance.now();
    try {
      await this.call("GET", "/health");
      return { status: "up", latencyMs: performance.now() - began };
    } catch (error) {
      return { status: "down", latencyMs: performance.now() - began, detail: classify(error).message };
    }
  }

  async #request(
    path: string,
    body: string,
    options: SendOptions,
    signal?: AbortSignal,
  ): Promise<{ readonly status: number | undefined; readonly answer: unknown }> {
    const limit = new Limit(this.#timers, this.#timeoutMs, signal);
    let status: number | undefined;
    try {
      const answer = await this.#transport.request(path, body, { ...options, signal: limit.signal }, (_, code) => {
        status = code;
      });
      return { status, answer };
    } catch (error) {
      throw limit.reasonOf(error);
    } finally {
      limit.close();
    }
  }
}

/** Ends one request: too late, or with the signal that it serves. */
class Limit {
  readonly #ended = new AbortController();
  readonly #timers: Timers;
  readonly #ms: number;
  readonly #outer: AbortSignal | undefined;
  readonly #abort = (): void => this.#ended.abort();
  #late = false;
  #cancel: () => void = () => {};

  constructor(timers: Timers, ms: number, outer: AbortSignal | undefined) {
    outer?.throwIfAborted();
    this.#timers = timers;
    this.#ms = ms;
    this.#outer = outer;
    outer?.addEventListener("abort", this.#abort);
    this.begin();
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  begin(): void {
    this.#cancel = this.#timers.schedule(this.#timers.now() + this.#ms, () => {
      this.#late = true;
      this.#abort();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** Why the request failed; it is no longer open then. */
  reasonOf(error: unknown): unknown {
    if (this.#outer?.aborted === true) return this.#outer.reason;
    const reason = this.#late ? timedOut() : classify(error);
    this.#abort();
    return reason;
  }

  close(): void {
    this.#cancel();
    this.#outer?.removeEventListener("abort", this.#abort);
  }
}
