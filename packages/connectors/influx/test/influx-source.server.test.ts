import { setTimeout as elapsed } from "node:timers/promises";
import { from } from "@millrace/core";
import { sourceSuite, testContext, testSink } from "@millrace/core/testing";
import { expect, it } from "vitest";
import { type FluxSourceOptions, flux, fluxSource } from "../src/index.js";
import { freshBucket, server } from "./server.js";

const LATENESS_MS = 400;
const pipe = flux`|> filter(fn: (r) => r._measurement == ${"values"})`;

for (const bounded of [false, true])
  sourceSuite<string>({
    name: `flux, ${bounded ? "bounded" : "following the clock"}`,
    async setup(values) {
      const bucket = await freshBucket("source");
      const start = Date.now() - 3_600_000;
      let written = 0;
      /** Two values have the same time. */
      const write = async (more: readonly string[], since: number): Promise<void> => {
        const points = more.map((value, i) => ({ value, i: String(written + i), time: since + (i >> 1) }));
        written += more.length;
        await bucket.write(points, ({ value, i, time }) => ({
          measurement: "values",
          tags: { i },
          fields: { value },
          time: BigInt(time) * 1_000_000n,
        }));
      };
      if (values.length > 0) await write(values, start);
      const options: FluxSourceOptions<string> = {
        ...server,
        bucket: bucket.name,
        name: "source",
        start,
        lateness: LATENESS_MS,
        step: "500ms",
        pageRows: 40,
        pipe,
        decode: ({ _value }) => String(_value),
      };
      return {
        source: () => fluxSource(bounded ? { ...options, stop: Date.now() } : options),
        append: async (more) => {
          await write(more, Date.now());
          await elapsed(LATENESS_MS + more.length);
        },
        teardown: () => bucket.delete(),
      };
    },
    sample: (index) => `value ${index}`,
  });

it("fails at its start, at once and clearly, where the token, the bucket, the organization or the query is wrong", async () => {
  const bucket = await freshBucket("refused");
  const options: FluxSourceOptions<unknown> = {
    ...server,
    bucket: bucket.name,
    name: "source",
    start: 0,
    decode: (row) => row,
  };
  for (const [change, code] of [
    [{ token: "sesame-42" }, "E_INFLUX_AUTH"],
    [{ org: "nowhere" }, "E_INFLUX_QUERY"],
    [{ bucket: "nothing" }, "E_INFLUX_BUCKET"],
    [{ pipe: flux`|> nonsense()` }, "E_INFLUX_QUERY"],
    [{ url: "http://127.0.0.1:1" }, "E_INFLUX_CONNECTION"],
  ] as const) {
    const failed = await fluxSource({ ...options, ...change })
      .connect(testContext())
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code });
    expect(`${(failed as Error).stack}${JSON.stringify(failed)}`).not.toContain("sesame-42");
  }
  await bucket.delete();
});

it("fields of different types need a pipe, and the error says so; pivot makes rows of points", async () => {
  const bucket = await freshBucket("pivot");
  await bucket.write([1, 2, 3], (n) => ({
    measurement: "m",
    tags: { n: String(n) },
    fields: { f: n / 2, s: `s${n}`, i: BigInt(n) },
    time: n,
  }));
  const read = (extra: Partial<FluxSourceOptions<unknown>>): Promise<unknown[]> =>
    from(
      fluxSource({
        ...server,
        bucket: bucket.name,
        name: "source",
        start: 0,
        stop: 10,
        decode: ({ n, f, s, i }) => ({ n, f, s, i }),
        ...extra,
      }),
    ).collect();
  await expect(read({})).rejects.toThrow("fields of different types need a pipe");
  expect(await read({ pipe: flux`|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")` })).toEqual(
    [1, 2, 3].map((n) => ({ n: String(n), f: n / 2, s: `s${n}`, i: BigInt(n) })),
  );
  await bucket.delete();
});

it("an error that the server tells in the middle of its answer fails the run, and what can not be decoded goes to onError", async () => {
  const bucket = await freshBucket("errors");
  await bucket.write([1, 2, 3], (n) => ({ measurement: "m", fields: { v: n }, time: n }));
  const options = { ...server, bucket: bucket.name, name: "source", start: 0, stop: 10 };
  const failing = flux`|> yield(name: "first") |> map(fn: (r) => ({ r with x: int(v: "abc") }))`;
  await expect(from(fluxSource({ ...options, pipe: failing, decode: (row) => row })).collect()).rejects.toMatchObject({
    code: "E_SOURCE",
    cause: { code: "E_INFLUX_QUERY" },
  });
  const dead = testSink<unknown>();
  const read = await from(
    fluxSource({
      ...options,
      decode: ({ _value }) => {
        if (_value === 2) throw new Error("not two");
        return _value;
      },
    }),
  )
    .onError(dead)
    .collect();
  expect(read).toEqual([1, 3]);
  expect(dead.values).toMatchObject([{ error: { code: "E_DECODE", message: "not two" } }]);
  await bucket.delete();
});
