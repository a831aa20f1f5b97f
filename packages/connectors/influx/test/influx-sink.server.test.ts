import { InfluxDB } from "@influxdata/influxdb-client";
import { from } from "@millrace/core";
import { sinkSuite, testContext, testSink } from "@millrace/core/testing";
import { expect, it } from "vitest";
import {
  bucketRetention,
  deleteBucket,
  encodePoint,
  ensureBucket,
  type InfluxSinkOptions,
  influxSink,
  type Point,
} from "../src/index.js";
import { freshBucket, freshName, server } from "./server.js";

const { url, token, org } = server;

/** All of one series and one millisecond: only the spread keeps them apart. */
const points = (text: string): Point => ({
  measurement: text === "refused" ? "time" : "texts",
  fields: text === "refused" ? { time: 1 } : { text },
  time: 1_700_000_000_000,
});

for (const [client, connection] of Object.entries({
  "a client built": server,
  "a client passed in": { client: new InfluxDB({ url, token }), org },
}))
  sinkSuite<string>({
    name: `influx, ${client}`,
    async setup() {
      const bucket = await freshBucket("sink");
      return {
        sink: () => influxSink<string>({ ...connection, bucket: bucket.name, points }),
        contents: async () => (await bucket.rows()).map(({ _value }) => String(_value)),
        teardown: () => bucket.delete(),
      };
    },
    sample: (index) => `value ${index}`,
    poison: () => "refused",
  });

it("what the server refuses goes to onError, each line named, and the rest is written: partial writes and refused requests", async () => {
  const bucket = await freshBucket("poison");
  await ensureBucket(server, bucket.name, { retention: "1d" });
  const now = Date.now();
  await bucket.write([0], () => ({ measurement: "m", tags: { n: "first" }, fields: { v: 1 }, time: now }));
  const big = "x".repeat(70_000);
  const make = (n: number): Point[] => {
    const good: Point = { measurement: "m", tags: { n: String(n) }, fields: { v: n }, time: now };
    if (n % 100 === 17) return [good, { ...good, fields: { v: "text" } }];
    if (n % 100 === 40) return [{ ...good, time: 0 }];
    if (n % 100 === 63) return [{ ...good, tags: { n: big } }];
    if (n % 100 === 88) return [{ ...good, fields: { v: Number.NaN } }];
    return [good];
  };
  const dead = testSink<{ value: number; error: { code: string; message: string } }>();
  const numbers = Array.from({ length: 1_000 }, (_, n) => n);
  await from(numbers)
    .to(influxSink({ ...server, bucket: bucket.name, points: make }), { onError: dead })
    .run();
  const refused = numbers.filter((n) => [17, 40, 63, 88].includes(n % 100));
  expect(dead.values.map(({ value }) => value).sort((a, b) => a - b)).toEqual(refused);
  const errorOf = (n: number): unknown => dead.values.find(({ value }) => value === n)?.error;
  expect(errorOf(17)).toMatchObject({
    class: "poison",
    code: "E_INFLUX_REFUSED",
    message: expect.stringMatching(/field type conflict.*\(m,n=17 \d+\)$/),
  });
  expect(errorOf(40)).toMatchObject({
    code: "E_INFLUX_REFUSED",
    message: expect.stringMatching(/retention.*\(m,n=40 \d+\)$/),
  });
  expect(errorOf(63)).toMatchObject({
    code: "E_INFLUX_REFUSED",
    message: expect.stringMatching(/\(m,n=x{100,} \d+\)$/),
  });
  expect(errorOf(88)).toMatchObject({ code: "E_INFLUX_POINT", message: expect.stringContaining("NaN") });
  // Of a value with a sound point and a refused one the sound one is there.
  const written = new Set((await bucket.rows()).map(({ n }) => n));
  const sound = numbers.filter((n) => !refused.includes(n) || n % 100 === 17);
  expect(written).toEqual(new Set(["first", ...sound.map(String)]));
  await bucket.delete();
});

it("a replay leaves the same contents, values of one series and millisecond stay apart, and without spread the last one stays", async () => {
  const bucket = await freshBucket("replay");
  const values = Array.from({ length: 3_000 }, (_, n) => n);
  const options: InfluxSinkOptions<number> = {
    ...server,
    bucket: bucket.name,
    points: (v) => [
      { measurement: "m", fields: { v }, time: 5 },
      { measurement: "m", fields: { v }, time: 6 },
    ],
  };
  const contents = async (): Promise<unknown> => (await bucket.rows()).map(({ _time, _value }) => [_time, _value]);
  await from(values).to(influxSink(options)).run();
  const first = await contents();
  expect(first).toHaveLength(6_000);
  await from(values)
    .to(influxSink(options), { batch: { size: 7 } })
    .run();
  expect(await contents()).toEqual(first);
  await from(values)
    .to(influxSink({ ...options, spread: false }))
    .run();
  const exact = (await bucket.rows()).filter(({ _time }) => String(_time).length === "1970-01-01T00:00:00.005Z".length);
  expect(exact.map(({ _value }) => _value)).toEqual([2_999, 2_999]);
  await bucket.delete();
});

it("fails at its start, at once and clearly, where the token, the bucket or the organization is wrong, and never shows the token", async () => {
  const bucket = await freshBucket("refused");
  const began = performance.now();
  for (const [change, code, words] of [
    [{ token: "sesame-42" }, "E_INFLUX_AUTH", "check the token"],
    [{ bucket: "nothing" }, "E_INFLUX_BUCKET", '"nothing" not found'],
    [{ org: "nowhere" }, "E_INFLUX_BUCKET", '"nowhere" not found'],
    [{ url: "http://127.0.0.1:1" }, "E_INFLUX_CONNECTION", "can not be reached"],
  ] as const) {
    const failed: unknown = await from([1])
      .to(influxSink({ ...server, bucket: bucket.name, points: () => [], ...change }))
      .run()
      .catch((error: unknown) => error);
    const { stack, cause } = failed as Error;
    expect(`${stack}${JSON.stringify(failed)}${JSON.stringify(cause)}`).not.toContain("sesame-42");
    expect(`${failed}${cause}`).toContain(words);
    expect(failed).toMatchObject({ class: code === "E_INFLUX_CONNECTION" ? "transient" : "fatal", code });
  }
  expect(performance.now() - began).toBeLessThan(5_000);
  await bucket.delete();
});

it("a token that may only read is refused", async () => {
  const bucket = await freshBucket("readonly");
  const call = async (path: string, body?: object): Promise<{ orgs: { id: string }[]; token: string }> =>
    (
      await fetch(`${url}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Token ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    ).json() as never;
  const orgID = (await call(`/api/v2/orgs?org=${org}`)).orgs[0]?.id;
  const reader = (
    await call("/api/v2/authorizations", {
      orgID,
      permissions: [{ action: "read", resource: { type: "buckets", orgID } }],
    })
  ).token;
  const sink = influxSink({ url, org, token: reader, bucket: bucket.name, points: () => [] });
  await expect(sink.connect(testContext())).rejects.toMatchObject({ class: "fatal", code: "E_INFLUX_AUTH" });
  await bucket.delete();
});

it("buckets: made once, by many at once, with a retention that is changed only where one is given", async () => {
  const name = freshName("admin");
  await Promise.all(Array.from({ length: 5 }, () => ensureBucket(server, name, { retention: "2d" })));
  expect(await bucketRetention(server, name)).toBe(172_800);
  await ensureBucket(server, name);
  expect(await bucketRetention(server, name)).toBe(172_800);
  await ensureBucket(server, name, { retention: "90m" });
  expect(await bucketRetention(server, name)).toBe(5_400);
  await ensureBucket(server, name, { retention: "forever" });
  expect(await bucketRetention(server, name)).toBe(0);
  await expect(ensureBucket(server, name, { retention: "1s" })).rejects.toMatchObject({ code: "E_ARGUMENT" });
  await deleteBucket(server, name);
  await deleteBucket(server, name);
  expect(await bucketRetention(server, name)).toBeUndefined();
  await expect(ensureBucket({ ...server, org: "nowhere" }, name)).rejects.toMatchObject({ code: "E_INFLUX_BUCKET" });
  await expect(ensureBucket({ ...server, token: "sesame-42" }, name)).rejects.toMatchObject({ code: "E_INFLUX_AUTH" });
});

it("the encoder's refusals are the server's: a comment and a field called time vanish without a word", async () => {
  const bucket = await freshBucket("vanish");
  const write = async (line: string): Promise<number> =>
    (
      await fetch(`${url}/api/v2/write?org=${org}&bucket=${bucket.name}&precision=ns`, {
        method: "POST",
        headers: { authorization: `Token ${token}` },
        body: line,
      })
    ).status;
  expect(await write("#m v=1 1\nm time=1,v=2 2")).toBe(204);
  expect((await bucket.rows()).map(({ _field, _value }) => [_field, _value])).toEqual([["v", 2]]);
  for (const point of [
    { measurement: "#m", fields: { v: 1 }, time: 1 },
    { measurement: "m", fields: { time: 1, v: 2 }, time: 2 },
  ])
    expect(() => encodePoint(point)).toThrow("not a point");
  await bucket.delete();
});
