import { type CallOptions, Metadata, status } from "@grpc/grpc-js";
import { durationMs, type Health, messageOf, WriteError } from "@millrace/core";
import { Check, DgraphClientStub, Operation, Request } from "dgraph-js";
import { callOptions } from "./call-options.js";
import {
  addressesOf,
  type BuiltConnection,
  channelCredentials,
  channelOptions,
  type DgraphConnection,
} from "./dgraph-connection.js";
import { classify, grpcCode, isUnauthenticated, type Phase } from "./dgraph-errors.js";
import { parseAnswer } from "./json-answer.js";

/** What is asked in a read-only query. */
export interface Question {
  readonly query: string;
  /** By name, without the dollar. */
  readonly vars?: Readonly<Record<string, string>>;
  /** The snapshot to read; without it the newest, which the answer names. */
  readonly at?: Snapshot;
  readonly signal?: AbortSignal;
  /** Waits, up to its deadline, for a server that is away. */
  readonly patient?: boolean;
}

/** A read timestamp, and what the server signs it with where it asks for logins. */
export interface Snapshot {
  readonly ts: number;
  readonly hash: string;
}

/** A call to one stub. */
export type Call<R> = (stub: DgraphClientStub, metadata: Metadata, options: CallOptions) => Promise<R>;

/** Every call to Dgraph goes through it: with a deadline, logged in, its errors classified, without secrets in them. */
export class DgraphClient {
  readonly #stubs: readonly DgraphClientStub[];
  readonly #built: BuiltConnection | undefined;
  readonly #timeoutMs: number;
  readonly #secrets: readonly string[];
  readonly #renewals = new Map<DgraphClientStub, Promise<void>>();
  /** Alphas that could not be reached, each until a turn. */
  readonly #away = new Map<DgraphClientStub, number>();
  #turn = 0;
  #closed = false;

  private constructor(connection: DgraphConnection) {
    this.#timeoutMs = durationMs(connection.timeout ?? "10s", "dgraph: timeout");
    if ("stub" in connection) {
      const { stub } = connection;
      this.#stubs = (Array.isArray(stub) ? stub : [stub]) as unknown as readonly DgraphClientStub[];
      this.#secrets = [];
      this.#built = undefined;
      return;
    }
    const trust = channelCredentials(connection);
    this.#built = connection;
    this.#secrets = [connection.password, connection.apiKey, connection.bearerToken, connection.authToken].filter(
      (secret): secret is string => secret !== undefined && secret !== "",
    );
    this.#stubs = addressesOf(connection).map(
      (address) => new DgraphClientStub(address, trust, channelOptions(connection)),
    );
  }

  /** Connects and logs in; what is wrong is told at once. One of several addresses is enough. */
  static async open(connection: DgraphConnection, signal?: AbortSignal): Promise<DgraphClient> {
    const client = new DgraphClient(connection);
    try {
      const greeted = await Promise.allSettled(client.#stubs.map((stub) => client.#greet(stub, signal)));
      const failures = greeted.filter((one): one is PromiseRejectedResult => one.status === "rejected");
      const wrong = failures.find(({ reason }) => reason instanceof WriteError && reason.class === "fatal");
      if (wrong !== undefined) throw wrong.reason;
      if (failures.length === greeted.length) throw failures[0]?.reason;
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Closes the channels, if they are ours. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#built !== undefined) for (const stub of this.#stubs) stub.close();
  }

  /** The alpha whose turn it is. One that is away is left out for a while, if there are others. */
  stub(): DgraphClientStub {
    for (let tried = 0; tried < this.#stubs.length; tried++) {
      const stub = this.#stubs[this.#turn++ % this.#stubs.length] as DgraphClientStub;
      if ((this.#away.get(stub) ?? 0) <= this.#turn) return stub;
    }
    return this.#stubs[this.#turn++ % this.#stubs.length] as DgraphClientStub;
  }

  /** A read-only query, and the snapshot that it saw. */
  async read({
    query,
    vars = {},
    at,
    signal,
    patient = false,
  }: Question): Promise<{ readonly data: unknown; readonly at: Snapshot }> {
    const request = new Request();
    request.setQuery(query);
    request.setReadOnly(true);
    for (const [name, value] of Object.entries(vars)) request.getVarsMap().set(`$${name}`, value);
    if (at !== undefined) {
      request.setStartTs(at.ts);
      request.setHash(at.hash);
    }
    const response = await this.call(
      this.stub(),
      "read",
      (stub, metadata, options) => {
        metadata.setOptions({ waitForReady: patient });
        return stub.query(request, metadata, options);
      },
      signal,
    );
    const context = response.getTxn();
    return {
      data: parseAnswer(response.getJson_asU8()),
      at: { ts: context?.getStartTs() ?? 0, hash: context?.getHash() ?? "" },
    };
  }

  /** Adds to the schema. */
  async alter(schema: string): Promise<void> {
    const operation = new Operation();
    operation.setSchema(schema);
    await this.call(this.stub(), "alter", (stub, metadata, options) => stub.alter(operation, metadata, options));
  }

  /** One call to one stub. A login that has ended is renewed once. */
  async call<R>(stub: DgraphClientStub, phase: Phase, run: Call<R>, signal?: AbortSignal): Promise<R> {
    signal?.throwIfAborted();
    try {
      return await run(stub, this.#metadata(), callOptions(this.#timeoutMs, signal));
    } catch (error) {
      const renewable = this.#built === undefined || this.#built.user !== undefined;
      if (!renewable || !isUnauthenticated(error)) throw this.#failed(error, stub, phase, signal);
    }
    try {
      await this.#renew(stub);
      return await run(stub, this.#metadata(), callOptions(this.#timeoutMs, signal));
    } catch (error) {
      throw this.#failed(error, stub, phase, signal);
    }
  }

  /** A cheap probe. */
  async probe(): Promise<Health> {
    const began = performance.now();
    const ask: Call<unknown> = (stub, metadata, options) => stub.checkVersion(new Check(), metadata, options);
    const latencyMs = (): number => performance.now() - began;
    try {
      await this.call(this.stub(), "read", ask);
      return { status: "up", latencyMs: latencyMs() };
    } catch (error) {
      return { status: "down", latencyMs: latencyMs(), detail: messageOf(error) };
    }
  }

  async #greet(stub: DgraphClientStub, signal: AbortSignal | undefined): Promise<void> {
    await this.call(stub, "read", (one, metadata, options) => one.checkVersion(new Check(), metadata, options), signal);
    if (this.#built?.user !== undefined) await this.#login(stub);
  }

  /** One renewal for all calls that found the login over. */
  #renew(stub: DgraphClientStub): Promise<void> {
    const under = this.#renewals.get(stub);
    if (under !== undefined) return under;
    const renewal = this.#refresh(stub).finally(() => this.#renewals.delete(stub));
    this.#renewals.set(stub, renewal);
    return renewal;
  }

  /** By the refresh token, and where that has ended too, by the password. */
  async #refresh(stub: DgraphClientStub): Promise<void> {
    try {
      await stub.retryLogin(this.#metadata(), callOptions(this.#timeoutMs, undefined));
    } catch (error) {
      if (this.#built === undefined)
        throw new WriteError(
          "fatal",
          "E_DGRAPH_AUTH",
          `the login of the stub that was passed in has ended, and can not be renewed: ${messageOf(error)}`,
          { cause: error },
        );
      await this.#login(stub);
    }
  }

  async #login(stub: DgraphClientStub): Promise<void> {
    const { user, password, namespace = 0 } = this.#built as BuiltConnection;
    const options = callOptions(this.#timeoutMs, undefined);
    try {
      await stub.loginIntoNamespace(user, password, namespace, undefined, this.#metadata(), options);
    } catch (error) {
      const failure = classify(error, "read");
      // Whatever a server says to a login is a no, unless it could not be asked.
      if (UNASKED.has(grpcCode(error) ?? status.UNAVAILABLE)) throw this.#without(failure);
      const text = `Dgraph refused the login of ${JSON.stringify(user)} into namespace ${namespace}: ${failure.message}`;
      throw this.#without(new WriteError("fatal", "E_DGRAPH_AUTH", text, { cause: error }));
    }
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    const { apiKey, bearerToken, authToken } = this.#built ?? {};
    if (apiKey !== undefined) metadata.set("authorization", apiKey);
    if (bearerToken !== undefined) metadata.set("authorization", `Bearer ${bearerToken}`);
    if (authToken !== undefined) metadata.set("auth-token", authToken);
    return metadata;
  }

  /** What is to be thrown for a failed call. */
  #failed(error: unknown, stub: DgraphClientStub, phase: Phase, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true) return signal.reason;
    if (grpcCode(error) === status.UNAVAILABLE) this.#away.set(stub, this.#turn + TURNS_AWAY);
    return this.#without(classify(error, phase));
  }

  /** A server may repeat what it was sent: what holds a secret loses it, and its cause. */
  #without(error: WriteError): WriteError {
    const { cause, message, class: errorClass, code, atomic } = error;
    const shown = `${message} ${messageOf(cause)} ${(cause as { details?: unknown } | undefined)?.details}`;
    if (!this.#secrets.some((secret) => shown.includes(secret))) return error;
    const clean = this.#secrets.reduce((text, secret) => text.replaceAll(secret, "***"), message);
    return new WriteError(errorClass, code, clean, { atomic });
  }
}

/** Calls after which an alpha that could not be reached is tried again. */
const TURNS_AWAY = 50;

const UNASKED: ReadonlySet<number> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED]);
