import { from } from "@millrace/core";
import { sinkSuite, sourceSuite } from "@millrace/core/testing";
import { dgraphSink, dgraphSource } from "../src/index.js";
import { contentsOf, type FreshGraph, freshGraph } from "./fresh-graph.js";
import { target } from "./target.js";

const { url } = target;

interface Person {
  readonly id: string;
  readonly text: string;
  readonly number: number;
}

const sample = (index: number): Person => ({ id: `person ${index}`, text: `"name" \\ ${index}\n✓`, number: index });

const writes =
  (graph: FreshGraph) =>
  ({ id, text, number }: Person) =>
    ({ kind: "set", id, fields: { [graph.name("text")]: text, [graph.name("number")]: number } }) as const;

sinkSuite<Person>({
  name: "dgraph",
  async setup() {
    const graph = await freshGraph(url);
    return {
      sink: () => dgraphSink<Person>({ url, xid: graph.xid, type: graph.type, write: writes(graph) }),
      contents: async () =>
        (await contentsOf(url, graph)).map(({ id, text, number }) => ({ id, text, number }) as Person),
      teardown: async () => {},
    };
  },
  sample,
  poison: () => ({ id: "poison", text: "half a pair: \ud800", number: 0 }),
});

sinkSuite<Person>({
  name: "dgraph with versions",
  async setup() {
    const graph = await freshGraph(url);
    return {
      sink: () =>
        dgraphSink<Person>({
          url,
          xid: graph.xid,
          version: graph.name("version"),
          write: (person) => ({ ...writes(graph)(person), version: 1 }),
        }),
      contents: async () =>
        (await contentsOf(url, graph)).map(({ id, text, number }) => ({ id, text, number }) as Person),
      teardown: async () => {},
    };
  },
  sample,
});

sourceSuite<Person>({
  name: "dgraph",
  async setup(values) {
    const graph = await freshGraph(url);
    const append = async (more: readonly Person[]): Promise<void> => {
      await from(more)
        .to(dgraphSink<Person>({ url, xid: graph.xid, type: graph.type, write: writes(graph) }))
        .run();
    };
    await append(values);
    return {
      source: () =>
        dgraphSource<Person>({
          url,
          nodes: { type: graph.type },
          select: ["id", "text", "number"].map(graph.name),
          pageSize: 37,
          decode: (node) => ({
            id: node[graph.name("id")] as string,
            text: node[graph.name("text")] as string,
            number: node[graph.name("number")] as number,
          }),
        }),
      append,
      teardown: async () => {},
    };
  },
  sample,
});
