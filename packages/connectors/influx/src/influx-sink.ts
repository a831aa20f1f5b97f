import type { InfluxDB } from "@influxdata/influxdb-client";
import {
  type BatchPolicy,
  type Sink,
  type SinkConnection,
  type SinkWriter,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "@millrace/core";
import { classify, clientOf, type InfluxConnection, probe, transportOf } from "./influx-client.js";
import { encodePoint, type Point } from "./line-protocol.js";

/** Options of {@link influxSink}. */
export type InfluxSinkOptions<T> = InfluxConnection & {
  readonly bucket: string;
  /** Makes points of a value; none: the value writes nothing. */
  readonly points: (value: T) => Point | readonly Point[];
  /** Default: `influx:BUCKET`. */
  readonly name?: string;
  /** Default: 5,000 values. */
  readonly batch?: BatchPolicy;
  /** Requests in flight (1). */
  readonly concurrency?: number;
  /** Bodies over so many bytes are compressed (1,000). */
  readonly gzipThreshold?: number;
  /** "v2" (default, also understood by InfluxDB 3), or InfluxDB 3's own write endpoint. */
  readonly api?: "v2" | "v3";
  /** Points of one series in one millisecond keep apart by the value's id (default). False: the last one stays. */
  readonly spread?: boolean;
};

/**
 * Writes points, idempotent: a replay writes the same points over themselves. One request a batch through the client's transport, acknowledged only when
 * InfluxDB has answered 204. A point that InfluxDB refuses is found by halving and goes to `onError`; all others are written.
 *
 * @example
 * ```ts
 * import { from } from "@millrace/core";
 * import { influxSink } from "@millrace/influx";
 * const url = "http://127.0.0.1:8086";
 * const scores = influxSink<{ id: string; score: number; at: number }>({
 *   url, token: "…", org: "acme", bucket: "scores",
 *   points: ({ id, score, at }) => ({ measurement: "score", tags: { id }, fields: { score }, time: at }),
 * });
 * const done = from([{ id: "ada", score: 7, at: 0 }]).to(scores).run();
 * ```
 */
export function influxSink<T>(options: InfluxSinkOptions<T>): Sink<T> {
  const { bucket, name = `influx:${bucket}`, batch = { size: 5_000 }, concurrency } = options;
  return {
    name,
    writes: "idempotent",
    batch,
    ...(concurrency === undefined ? {} : { concurrency }),
    connect: async (context): Promise<SinkConnection<T>> => {
      const client = clientOf(options);
      await checkBucket(client, options, context.signal);
      return {
        open: async () => new InfluxWriter(client, options),
        health: () => probe(client),
        close: async () => {},
      };
    },
  };
}

/** A write of nothing is refused or taken by the same rules as one of points: bad credentials and a missing bucket show at once. */
async function checkBucket<T>(client: InfluxDB, options: InfluxSinkOptions<T>, signal: AbortSignal): Promise<void> {
  try {
    await transportOf(client).request(writePath(options), "", {
      method: "POST",
      headers: { "content-type": "text/plain; charset=utf-8" },
      signal,
    });
  } catch (error) {
    const failure = classify(error);
    if (failure.class === "fatal") throw failure;
  }
}

function writePath<T>({ org, bucket, api = "v2" }: InfluxSinkOptions<T>): string {
  return api === "v3"
    ? `/api/v3/write_lp?db=${encodeURIComponent(bucket)}&precision=nanosecond&accept_partial=true`
    : `/api/v2/write?org=${encodeURIComponent(org)}&bucket=${encodeURIComponent(bucket)}&precision=ns`;
}

class InfluxWriter<T> implements SinkWriter<T> {
  readonly #client: InfluxDB;
  readonly #options: InfluxSinkOptions<T>;
  readonly #path: string;

  constructor(client: InfluxDB, options: InfluxSinkOptions<T>) {
    this.#client = client;
    this.#options = options;
    this.#path = writePath(options);
  }

  async write(values: readonly T[], context: WriteContext): Promise<void | readonly WriteOutcome[]> {
    const lines: string[] = [];
    let refused: Map<number, WriteError> | undefined;
    values.forEach((value, i) => {
      try {
        lines.push(...this.#lines(value, context.ids[i]));
      } catch (error) {
        refused ??= new Map();
        refused.set(
          i,
          error instanceof WriteError
            ? error
            : new WriteError("poison", "E_INFLUX_POINT", String(error), { cause: error }),
        );
      }
    });
    if (lines.length > 0) await this.#post(lines.join("\n"), context.signal);
    if (refused === undefined) return undefined;
    const outcomes = refused;
    return values.map((_, i): WriteOutcome => {
      const error = outcomes.get(i);
      return error === undefined ? "written" : { class: error.class, code: error.code, message: error.message };
    });
  }

  async close(): Promise<void> {}

  #lines(value: T, id: string | undefined): string[] {
    const { points, spread = true } = this.#options;
    const made = points(value);
    const all = Array.isArray(made) ? (made as readonly Point[]) : [made as Point];
    return all.map((point, place) => encodePoint(point, spread && id !== undefined ? `${id}#${place}` : undefined));
  }

  async #post(body: string, signal: AbortSignal): Promise<void> {
    try {
      await transportOf(this.#client).request(this.#path, body, {
        method: "POST",
        headers: { "content-type": "text/plain; charset=utf-8" },
        gzipThreshold: this.#options.gzipThreshold ?? 1_000,
        signal,
      });
    } catch (error) {
      throw classify(error);
    }
  }
}
