import { setTimeout as elapsed } from "node:timers/promises";
import { from } from "@millrace/core";
import { sinkChecks, sourceChecks } from "@millrace/core/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type DgraphWrite, dgraphSink, dgraphSource } from "../src/index.js";
import { contentsOf, type FreshGraph, freshGraph } from "./fresh-graph.js";
import { StandInProcess } from "./stand-in-process.js";
import { writeSink } from "./writing.js";

/** A stand-in of our own, which nobody else misses while it is dead. Not Dgraph: real Dgraph was not killed here. */
let server: StandInProcess;
let url: string;

beforeAll(async () => {
  server = await StandInProcess.start();
  url = server.address;
});
afterAll(() => server.remove());

it("what was acknowledged is there when the server is killed again and again while a topology writes", async () => {
  const graph = await freshGraph(url);
  const count = 8_000;
  let emitted = 0;
  async function* values(): AsyncGenerator<DgraphWrite> {
    for (; emitted < count; emitted++) {
      yield {
        kind: "set",
        id: `n${emitted}`,
        fields: { [graph.name("number")]: emitted },
        edges: [{ predicate: graph.name("friends"), to: `hub ${emitted % 5}` }],
      };
      if (emitted % 100 === 99) await elapsed(5);
    }
  }
  let failed: unknown;
  const run = from(values)
    .to(writeSink(url, graph, { batch: { size: 40 }, concurrency: 3, timeout: "3s" }), {
      order: "any",
      retry: { attempts: 60, delay: "20ms", maxDelay: "300ms" },
    })
    .start();
  run.done.catch((error: unknown) => {
    failed = error;
  });
  for (const at of [0.2, 0.4, 0.6, 0.8]) {
    while (emitted < count * at) {
      if (failed !== undefined) throw failed;
      await elapsed(10);
    }
    await server.killAndRestart();
  }
  await run.done;
  const nodes = await contentsOf(url, graph);
  expect(nodes).toHaveLength(count + 5);
  const numbers = nodes.filter(({ number }) => number !== undefined);
  expect(new Set(numbers.map(({ number }) => number)).size).toBe(count);
  for (const { number, friends } of numbers) expect(friends).toMatchObject([{ id: `hub ${(number as number) % 5}` }]);
}, 180_000);

it("a scan goes on in its snapshot after the server was killed", async () => {
  const graph = await freshGraph(url);
  const count = 3_000;
  await from(Array.from({ length: count }, (_, n): DgraphWrite => ({ kind: "set", id: `n${n}` })))
    .to(writeSink(url, graph))
    .run();
  const seen = new Set<string>();
  let killed: Promise<void> | undefined;
  await from(
    dgraphSource({
      url,
      nodes: { type: graph.type },
      select: [graph.xid],
      pageSize: 50,
      decode: (node) => {
        seen.add(String(node[graph.xid]));
        if (seen.size === 300) killed ??= server.killAndRestart();
        return node;
      },
    }),
  ).forEach(() => {});
  await killed;
  expect(killed).toBeDefined();
  expect(seen.size).toBe(count);
}, 120_000);

const person = (graph: FreshGraph) => (id: string) =>
  ({ kind: "set", id, fields: { [graph.name("text")]: id } }) as const;

/** The suites as a whole run in `suites.test.ts`; here only what needs a kill. */
const killed = (checks: readonly { readonly name: string; run(): Promise<void> }[]): void => {
  for (const { name, run } of checks.filter((check) => check.name.includes("killed"))) it(name, run, 120_000);
};

killed(
  sinkChecks<string>({
    async setup() {
      const graph = await freshGraph(url);
      return {
        sink: () => dgraphSink<string>({ url, xid: graph.xid, write: person(graph) }),
        contents: async () => (await contentsOf(url, graph)).map(({ id }) => String(id)),
        teardown: async () => {},
      };
    },
    sample: (index) => `person ${index}`,
    kill: () => server.killAndRestart(),
  }),
);

killed(
  sourceChecks<string>({
    async setup(values) {
      const graph = await freshGraph(url);
      const append = async (more: readonly string[]): Promise<void> => {
        await from(more)
          .to(dgraphSink<string>({ url, xid: graph.xid, type: graph.type, write: person(graph) }))
          .run();
      };
      await append(values);
      return {
        source: () =>
          dgraphSource({
            url,
            nodes: { type: graph.type },
            select: [graph.xid],
            pageSize: 20,
            decode: (node) => String(node[graph.xid]),
          }),
        append,
        teardown: async () => {},
      };
    },
    sample: (index) => `person ${index}`,
    kill: () => server.killAndRestart(),
  }),
);
