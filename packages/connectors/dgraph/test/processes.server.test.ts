import { expect, it } from "vitest";
import { Program } from "../../../../testbed/program.js";
import { contentsOf, freshGraph } from "./fresh-graph.js";
import { target } from "./target.js";
import { writeAll } from "./writing.js";

const { url, standIn } = target;

it("what a killed process was told is written is there, and a replay leaves the graph as if nothing had happened", async () => {
  const graph = await freshGraph(url);
  const count = 3_000;
  const args = [url, graph.name(""), String(count)];
  let acknowledged = -1;
  for (const at of [149, 649, 1_449]) {
    const program = new Program(import.meta.url, "write", args);
    expect(await program.printed(new RegExp(`acknowledged ${at}\\n`))).toBe(true);
    await program.kill();
    acknowledged = Math.max(
      acknowledged,
      ...[...program.output.matchAll(/acknowledged (\d+)/g)].map(([, n]) => Number(n)),
    );
    const there = new Map((await contentsOf(url, graph)).map(({ id, number }) => [id, number]));
    for (let n = 0; n <= acknowledged; n++) expect(there.get(`n${n}`)).toBe(n);
  }
  expect(acknowledged).toBeGreaterThanOrEqual(1_449);
  expect(await new Program(import.meta.url, "write", args).ended).toMatchObject({ code: 0 });
  const nodes = await contentsOf(url, graph);
  expect(nodes).toHaveLength(count);
  for (const { id, number, friends } of nodes) {
    expect(id).toBe(`n${number}`);
    expect(friends).toEqual([
      { uid: expect.any(String), id: `n${((number as number) * 7) % count}`, "friends|n": number },
    ]);
  }
  expect(await new Program(import.meta.url, "write", args).ended).toMatchObject({ code: 0 });
  expect(await contentsOf(url, graph)).toEqual(nodes);
}, 120_000);

it("a process that drains, and one that could not connect, has nothing left open and ends", async () => {
  const graph = await freshGraph(url);
  await writeAll(
    url,
    graph,
    Array.from({ length: 5_000 }, (_, n) => ({ kind: "set", id: `n${n}` })),
  );
  const program = new Program(import.meta.url, "drain", [url, graph.name("")]);
  await program.ended;
  expect(program.output).toMatch(/stopped\nrefused 4\n$/);
}, 60_000);

it("a stalled consumer of a scan holds it back: memory stays bounded, and nothing is lost", async () => {
  const graph = await freshGraph(url);
  // 80 MB of text.
  const count = 20_000;
  await writeAll(
    url,
    graph,
    Array.from({ length: count }, (_, n) => ({
      kind: "set",
      id: `n${n}`,
      fields: { [graph.name("text")]: "x".repeat(4_000) },
    })),
  );
  const program = new Program(import.meta.url, "stalled", [url, graph.name(""), "source"], ["--expose-gc"]);
  expect(await program.ended).toMatchObject({ code: 0 });
  const { pulled, count: written, grownMB } = JSON.parse(program.output.trim().split("\n").at(-1) as string);
  expect(Number(/stalled at (\d+)/.exec(program.output)?.[1])).toBeLessThan(8_000);
  expect([pulled, written]).toEqual([count, count]);
  expect(grownMB).toBeLessThan(64);
}, 240_000);

if (standIn !== undefined)
  it("a server that does not answer holds a million values back: memory stays bounded, and nothing is lost", async () => {
    const graph = await freshGraph(url);
    let answers = (): void => {};
    const until = new Promise<void>((resolve) => {
      answers = resolve;
    });
    standIn.faults.next("mutate", { kind: "hold", until }, 1_000);
    const program = new Program(import.meta.url, "stalled", [url, graph.name(""), "sink"], ["--expose-gc"]);
    expect(await program.printed(/stalled at \d+\n/)).toBe(true);
    standIn.faults.clear();
    answers();
    expect(await program.ended).toMatchObject({ code: 0 });
    const { pulled, grownMB } = JSON.parse(program.output.trim().split("\n").at(-1) as string);
    expect(Number(/stalled at (\d+)/.exec(program.output)?.[1])).toBeLessThan(20_000);
    expect(pulled).toBe(1_000_000);
    expect(grownMB).toBeLessThan(64);
    expect(await contentsOf(url, graph)).toHaveLength(2_000);
  }, 240_000);
