import {
  type BatchPolicy,
  messageOf,
  type Origin,
  requireArgument,
  type Sink,
  type SinkConnection,
  type SinkWriter,
  type WriteContext,
  WriteError,
  type WriteOutcome,
} from "@millrace/core";
import type { InfluxConnection } from "./influx-connection.js";
import { InfluxRequests } from "./influx-requests.js";
import { encodePoint, type Point, subMillisecond } from "./line-protocol.js";
import { LineText } from "./line-text.js";
import { TimeSpread } from "./time-spread.js";

/** Options of {@link influxSink}. */
export type InfluxSinkOptions<T> = InfluxConnection & {
  readonly bucket: string;
  /** Makes points of a value, the same ones each time; none: the value writes nothing. */
  readonly points: (value: T) => Point | readonly Point[];
  /** Default: `influx:BUCKET`. */
  readonly name?: string;
  /** Default: 5,000 values. */
  readonly batch?: BatchPolicy;
  /** Requests in flight (1). */
  readonly concurrency?: number;
  /** Bodies over so many bytes are compressed (1,000). */
  readonly gzipThreshold?: number;
  /** "v2" (default, also understood by InfluxDB 3), or "v3", the write endpoint of InfluxDB 3, whose database is `bucket`. */
  readonly api?: "v2" | "v3";
  /** Points of one series in one millisecond are kept apart (default): by the value's id, else by what is in them. False: the last one stays. */
  readonly spread?: boolean;
};

/**
 * Writes points; idempotent: a replay writes the same points over themselves. One request a batch over the client's transport, acknowledged only when InfluxDB has
 * answered 204. A point that InfluxDB refuses is found by halving and its value goes to `onError`; all other points are written. Fails the start with
 * `E_INFLUX_AUTH`, `E_INFLUX_BUCKET`, `E_INFLUX_CONNECTION`.
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
  requireArgument(typeof bucket === "string" && bucket !== "", "influxSink: bucket must be given");
  return {
    name,
    writes: "idempotent",
    batch,
    ...(concurrency === undefined ? {} : { concurrency }),
    connect: async ({ clock, signal }): Promise<SinkConnection<T>> => {
      const requests = new InfluxRequests(options, clock);
      const writer = new InfluxWriter(requests, options);
      await writer.check(signal);
      return { open: async () => writer, health: () => requests.health(), close: async () => {} };
    },
  };
}

/** Where lines go. */
type Lines = Pick<LineText, "add">;

/** It holds no values between two writes, so all tasks of a connection share it. */
class InfluxWriter<T> implements SinkWriter<T> {
  readonly #requests: InfluxRequests;
  readonly #options: InfluxSinkOptions<T>;
  readonly #path: string;
  readonly #spread = new TimeSpread();

  constructor(requests: InfluxRequests, options: InfluxSinkOptions<T>) {
    this.#requests = requests;
    this.#options = options;
    this.#path = writePath(options);
  }

  /** A write of nothing is answered by the same rules as one of points: bad credentials and a missing bucket show at once. */
  async check(signal: AbortSignal): Promise<void> {
    try {
      await this.#post("", signal);
    } catch (error) {
      // It is there, and has no time just now, or wants to have points.
      if (!(error instanceof WriteError && (error.class === "throttled" || error.class === "poison"))) throw error;
    }
  }

  async write(values: readonly T[], context: WriteContext): Promise<void | readonly WriteOutcome[]> {
    const lines = new LineText();
    const refused = new Map<number, WriteError>();
    let writing = 0;
    let last = 0;
    for (let i = 0; i < values.length; i++) {
      const before = lines.count;
      const error = this.#encode(values[i] as T, i, context, lines);
      if (error !== undefined) refused.set(i, error);
      if (lines.count === before) continue;
      writing++;
      last = i;
    }
    try {
      if (writing > 0) await this.#post(lines.text, context.signal);
    } catch (error) {
      // Several values are for the engine to halve.
      if (writing > 1 || !isPoison(error)) throw error;
      await this.#writeNaming(this.#linesOf(values[last] as T, last, context), error, context.signal);
    }
    return refused.size === 0 ? undefined : values.map((_, i) => outcomeOf(refused.get(i)));
  }

  async close(): Promise<void> {}

  /** Adds the lines of a value. What can not be one is left out, and its reason given. */
  #encode(value: T, i: number, context: WriteContext, lines: Lines): WriteError | undefined {
    let made: Point | readonly Point[];
    try {
      made = this.#options.points(value);
    } catch (error) {
      return poison(error);
    }
    if (!Array.isArray(made)) return this.#addLine(made as Point, 0, i, context, lines);
    let refused: WriteError | undefined;
    for (const [place, point] of (made as readonly Point[]).entries()) {
      const error = this.#addLine(point, place, i, context, lines);
      refused ??= error;
    }
    return refused;
  }

  #addLine(point: Point, place: number, i: number, context: WriteContext, lines: Lines): WriteError | undefined {
    const { spread = true } = this.#options;
    try {
      const within = spread && typeof point.time === "number" ? this.#withinMs(point, place, i, context) : 0;
      lines.add(encodePoint(point, within));
      return undefined;
    } catch (error) {
      return poison(error);
    }
  }

  /** Offsets that count give each value of a partition a time of its own. Where there is no id, points that differ are kept apart. */
  #withinMs(point: Point, place: number, i: number, context: WriteContext): number {
    const origin = context.origins[i];
    const sequence = sequenceOf(origin?.offset);
    return origin !== undefined && sequence !== undefined
      ? this.#spread.within(origin, sequence, place)
      : subMillisecond(`${context.ids[i] ?? encodePoint(point)}#${place}`);
  }

  /** The lines of one value once more: the text of a request does not tell where they end. */
  #linesOf(value: T, i: number, context: WriteContext): string[] {
    const lines: string[] = [];
    this.#encode(value, i, context, { add: (line) => lines.push(line) });
    return lines;
  }

  /** The points of one value, which the engine can not halve, refused by `refusal`: each that is at fault is named, all others are written. */
  async #writeNaming(lines: readonly string[], refusal: WriteError, signal: AbortSignal): Promise<void> {
    const refused: WriteError[] = [];
    const halve = async (some: readonly string[], error: WriteError): Promise<void> => {
      if (some.length === 1) {
        const message = `${error.message} (${nameOf(some[0] as string)})`;
        refused.push(new WriteError("poison", error.code, message, { cause: error }));
        return;
      }
      const middle = some.length >> 1;
      for (const half of [some.slice(0, middle), some.slice(middle)])
        try {
          await this.#post(half.join("\n"), signal);
        } catch (error) {
          if (!isPoison(error)) throw error;
          await halve(half, error);
        }
    };
    await halve(lines, refusal);
    const [first] = refused;
    if (first === undefined) return;
    const named = refused.slice(0, MAX_NAMED).map(({ message }) => message);
    if (refused.length > MAX_NAMED) named.push(`and ${refused.length - MAX_NAMED} more`);
    throw new WriteError("poison", first.code, named.join("; "), { cause: first });
  }

  async #post(lines: string, signal: AbortSignal): Promise<void> {
    const { gzipThreshold = 1_000, api } = this.#options;
    await this.#requests.write(this.#path, lines, { gzipThreshold, bearer: api === "v3" }, signal);
  }
}

function writePath<T>({ org, bucket, api = "v2" }: InfluxSinkOptions<T>): string {
  return api === "v3"
    ? `/api/v3/write_lp?db=${encodeURIComponent(bucket)}&precision=nanosecond&accept_partial=true`
    : `/api/v2/write?org=${encodeURIComponent(org)}&bucket=${encodeURIComponent(bucket)}&precision=ns`;
}

function sequenceOf(offset: Origin["offset"] | undefined): number | bigint | undefined {
  if (typeof offset === "string") return /^\d+$/.test(offset) ? BigInt(offset) : undefined;
  if (typeof offset === "number") return Number.isSafeInteger(offset) && offset >= 0 ? offset : undefined;
  return offset !== undefined && offset >= 0n ? offset : undefined;
}

function isPoison(error: unknown): error is WriteError {
  return error instanceof WriteError && error.class === "poison";
}

function poison(error: unknown): WriteError {
  return error instanceof WriteError
    ? error
    : new WriteError("poison", "E_INFLUX_POINT", messageOf(error), { cause: error });
}

function outcomeOf(error: WriteError | undefined): WriteOutcome {
  return error === undefined ? "written" : { class: error.class, code: error.code, message: error.message };
}

/** Of one value, in one message. */
const MAX_NAMED = 100;
const MAX_NAME = 200;

/** A line without its fields' values, which may be anybody's. */
function nameOf(line: string): string {
  const series = /^(?:\\.|[^ ])*/.exec(line)?.[0] ?? "";
  return `${series.slice(0, MAX_NAME)} ${line.slice(line.lastIndexOf(" ") + 1)}`;
}
