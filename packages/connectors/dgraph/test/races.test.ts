import { from } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import { expect, it } from "vitest";
import type { DgraphWrite } from "../src/index.js";
import { contentsOf, freshGraph } from "./fresh-graph.js";
import { target } from "./target.js";
import { writeSink } from "./writing.js";

const { url, standIn } = target;
const RETRY = { attempts: 200, delay: "1ms", maxDelay: "20ms" } as const;

it("many writers of one id make one node, and lose nothing", async () => {
  const graph = await freshGraph(url);
  const abortsBefore = standIn?.database.oracle.aborts ?? 0;
  const writers = 8;
  const each = 40;
  // Every writer is a process of its own to Dgraph: none knows what the others are at.
  await Promise.all(
    Array.from({ length: writers }, (_, writer) =>
      from(
        Array.from(
          { length: each },
          (_, i): DgraphWrite => ({
            kind: "edge",
            from: "hub",
            predicate: graph.name("friends"),
            to: `friend ${i % 10}`,
            facets: { [`w${writer}`]: i },
          }),
        ),
      )
        .to(writeSink(url, graph, { batch: { size: 7 } }), { retry: RETRY })
        .run(),
    ),
  );
  const nodes = await contentsOf(url, graph);
  expect(nodes.map(({ id }) => id)).toEqual([...Array.from({ length: 10 }, (_, i) => `friend ${i}`), "hub"]);
  expect(nodes.at(-1)?.friends).toHaveLength(10);
  // Else nothing was shown.
  if (standIn !== undefined) expect(standIn.database.oracle.aborts - abortsBefore).toBeGreaterThan(5);
}, 60_000);

it("writers of the same versions leave the newest, whoever is last", async () => {
  const graph = await freshGraph(url);
  const version = graph.name("version");
  const run = (order: readonly number[]): Promise<unknown> =>
    from(
      order.map(
        (number): DgraphWrite => ({
          kind: "set",
          id: "a",
          version: number,
          fields: { [graph.name("number")]: number },
        }),
      ),
    )
      .to(writeSink(url, graph, { version, batch: { size: 3 } }), { retry: RETRY })
      .run();
  const up = Array.from({ length: 20 }, (_, i) => i);
  await Promise.all([run(up), run([...up].reverse()), run(up.filter((n) => n % 2 === 0))]);
  expect(await contentsOf(url, graph)).toMatchObject([{ id: "a", number: 19, version: 19 }]);
}, 60_000);

it("in one process, what shares a node waits for it, so that nothing is aborted", async () => {
  const graph = await freshGraph(url);
  const abortsBefore = standIn?.database.oracle.aborts ?? 0;
  const connection = await writeSink(url, graph, { concurrency: 8 }).connect(testContext());
  const writer = await connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
  const context = { signal: new AbortController().signal, attempt: 1, ids: [], keys: [], times: [], origins: [] };
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      writer.write(
        [
          {
            kind: "set",
            id: `n${i % 4}`,
            fields: { [graph.name("number")]: i },
            edges: [{ predicate: graph.name("friends"), to: "hub" }],
          },
        ],
        context,
      ),
    ),
  );
  expect(outcomes.every((outcome) => Array.isArray(outcome) && outcome[0] === "written")).toBe(true);
  await connection.close();
  // In the order in which they were given.
  expect(await contentsOf(url, graph)).toMatchObject([
    { id: "hub" },
    ...[36, 37, 38, 39].map((number, i) => ({ id: `n${i}`, number })),
  ]);
  if (standIn !== undefined) expect(standIn.database.oracle.aborts).toBe(abortsBefore);
});

it("a batch that is aborted again and again is tried in smaller parts, in order", async () => {
  const graph = await freshGraph(url);
  const connection = await writeSink(url, graph).connect(testContext());
  const writer = await connection.open({ topology: "t", partitions: ["0"], lease: 1 }, undefined);
  const values = Array.from(
    { length: 8 },
    (_, i): DgraphWrite => ({ kind: "set", id: `${i}`, fields: { [graph.name("number")]: i } }),
  );
  const commits = (): number => standIn?.faults.calls.get("commitOrAbort") ?? 0;
  const sizes: number[] = [];
  for (const attempt of [1, 2, 3, 4, 5, 9]) {
    const before = commits();
    await writer.write(values, {
      signal: new AbortController().signal,
      attempt,
      ids: [],
      keys: [],
      times: [],
      origins: [],
    });
    sizes.push(commits() - before);
  }
  await connection.close();
  if (standIn !== undefined) expect(sizes).toEqual([1, 1, 2, 2, 4, 8]);
  expect(await contentsOf(url, graph)).toHaveLength(8);
});
