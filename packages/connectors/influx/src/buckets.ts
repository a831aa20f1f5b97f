import { type Duration, durationMs, requireArgument, WriteError } from "@millrace/core";
import type { InfluxConnection } from "./influx-connection.js";
import { InfluxRequests } from "./influx-requests.js";

interface Bucket {
  readonly id: string;
  readonly name: string;
  readonly retentionRules: readonly { readonly everySeconds: number }[];
}

/**
 * Makes a bucket that keeps points for `retention` (default: for ever), or sets that on one that is there; without `retention` one that is there stays as
 * it is. Idempotent, also from several processes at once. A shorter retention deletes older points. Throws `E_ARGUMENT` (InfluxDB takes an hour or more), `E_INFLUX_AUTH`,
 * `E_INFLUX_BUCKET` (no such organization), `E_INFLUX_REFUSED`.
 *
 * @example
 * ```ts
 * import { ensureBucket } from "@millrace/influx";
 * const connection = { url: "http://127.0.0.1:8086", token: "…", org: "acme" };
 * await ensureBucket(connection, "raw_events", { retention: "30d" });
 * ```
 */
export async function ensureBucket(
  connection: InfluxConnection,
  name: string,
  options: { readonly retention?: Duration | "forever" } = {},
): Promise<void> {
  const { retention } = options;
  const seconds =
    retention === undefined || retention === "forever"
      ? 0
      : Math.ceil(durationMs(retention, "ensureBucket: retention") / 1_000);
  requireArgument(seconds === 0 || seconds >= HOUR, "ensureBucket: InfluxDB keeps points for an hour at least");
  const requests = new InfluxRequests(connection);
  const retentionRules = [retentionRule(seconds)];
  const known = await findBucket(requests, name);
  if (known !== undefined) {
    if (retention !== undefined) await requests.call("PATCH", `/api/v2/buckets/${known.id}`, { retentionRules });
    return;
  }
  const orgID = await organizationOf(requests);
  try {
    await requests.call("POST", "/api/v2/buckets", { name, orgID, retentionRules });
  } catch (error) {
    // Another process was faster.
    if ((await findBucket(requests, name)) === undefined) throw error;
  }
}

/**
 * How long a bucket keeps points, in seconds, as the server says; 0: for ever. Undefined: there is no such bucket.
 *
 * @example
 * ```ts
 * import { bucketRetention } from "@millrace/influx";
 * const seconds = await bucketRetention({ url: "http://127.0.0.1:8086", token: "…", org: "acme" }, "raw_events"); // 2592000
 * ```
 */
export async function bucketRetention(connection: InfluxConnection, name: string): Promise<number | undefined> {
  const bucket = await findBucket(new InfluxRequests(connection), name);
  return bucket === undefined ? undefined : (bucket.retentionRules[0]?.everySeconds ?? 0);
}

/**
 * Deletes a bucket with all its points; one that is not there is no error.
 *
 * @example
 * ```ts
 * import { deleteBucket } from "@millrace/influx";
 * await deleteBucket({ url: "http://127.0.0.1:8086", token: "…", org: "acme" }, "raw_events");
 * ```
 */
export async function deleteBucket(connection: InfluxConnection, name: string): Promise<void> {
  const requests = new InfluxRequests(connection);
  const bucket = await findBucket(requests, name);
  if (bucket !== undefined) await requests.call("DELETE", `/api/v2/buckets/${bucket.id}`);
}

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** 0: for ever. Shards as long as the server's own default for it: a change that leaves them longer than the retention is refused. */
function retentionRule(everySeconds: number): object {
  const shardGroupDurationSeconds =
    everySeconds === 0 || everySeconds >= 180 * DAY ? 7 * DAY : everySeconds < 2 * DAY ? HOUR : DAY;
  return { type: "expire", everySeconds, shardGroupDurationSeconds };
}

async function findBucket(requests: InfluxRequests, name: string): Promise<Bucket | undefined> {
  const path = `/api/v2/buckets?org=${encodeURIComponent(requests.org)}&name=${encodeURIComponent(name)}`;
  try {
    return ((await requests.call("GET", path)) as { buckets: readonly Bucket[] }).buckets[0];
  } catch (error) {
    if (error instanceof WriteError && error.code === "E_INFLUX_BUCKET") return undefined;
    throw error;
  }
}

async function organizationOf(requests: InfluxRequests): Promise<string> {
  const { orgs } = (await requests.call("GET", `/api/v2/orgs?org=${encodeURIComponent(requests.org)}`)) as {
    orgs: readonly { readonly id: string }[];
  };
  if (orgs[0] === undefined)
    throw new WriteError("fatal", "E_INFLUX_BUCKET", `there is no organization "${requests.org}": check org`);
  return orgs[0].id;
}
