import { type Duration, durationMs, WriteError } from "@millrace/core";
import { classify, clientOf, type InfluxConnection, transportOf } from "./influx-client.js";

interface Bucket {
  readonly id: string;
  readonly name: string;
  readonly retentionRules: readonly { readonly everySeconds: number }[];
}

/** Makes a bucket, or gives one that is there this retention (none: for ever). Idempotent. Throws E_INFLUX_AUTH, E_INFLUX_BUCKET. */
export async function ensureBucket(
  connection: InfluxConnection,
  name: string,
  options: { readonly retention?: Duration } = {},
): Promise<void> {
  const transport = transportOf(clientOf(connection));
  const everySeconds =
    options.retention === undefined ? 0 : Math.ceil(durationMs(options.retention, "ensureBucket: retention") / 1000);
  const retentionRules = everySeconds === 0 ? [] : [{ type: "expire", everySeconds }];
  try {
    const known = (await buckets(connection, name))[0];
    if (known !== undefined) {
      await transport.request(`/api/v2/buckets/${known.id}`, JSON.stringify({ retentionRules }), {
        method: "PATCH",
        headers: JSON_BODY,
      });
      return;
    }
    const { orgs } = (await transport.request(`/api/v2/orgs?org=${encodeURIComponent(connection.org)}`, "", {
      method: "GET",
    })) as { orgs: readonly { readonly id: string }[] };
    const org = orgs[0];
    if (org === undefined)
      throw new WriteError("fatal", "E_INFLUX_BUCKET", `there is no organization "${connection.org}"`);
    await transport.request("/api/v2/buckets", JSON.stringify({ name, orgID: org.id, retentionRules }), {
      method: "POST",
      headers: JSON_BODY,
    });
  } catch (error) {
    throw classify(error);
  }
}

/** The retention of a bucket in seconds, as the server says; 0: for ever. Undefined: there is no such bucket. */
export async function bucketRetention(connection: InfluxConnection, name: string): Promise<number | undefined> {
  const bucket = (await buckets(connection, name))[0];
  return bucket === undefined ? undefined : (bucket.retentionRules[0]?.everySeconds ?? 0);
}

async function buckets(connection: InfluxConnection, name: string): Promise<readonly Bucket[]> {
  const path = `/api/v2/buckets?org=${encodeURIComponent(connection.org)}&name=${encodeURIComponent(name)}`;
  try {
    return (
      (await transportOf(clientOf(connection)).request(path, "", { method: "GET" })) as { buckets: readonly Bucket[] }
    ).buckets;
  } catch (error) {
    const failure = classify(error);
    if (failure.code === "E_INFLUX_BUCKET") return [];
    throw failure;
  }
}

const JSON_BODY = { "content-type": "application/json" };
