import { from, type Sink, type SinkOptions } from "@millrace/core";
import { type DgraphSinkOptions, type DgraphWrite, dgraphSink } from "../src/index.js";
import type { FreshGraph } from "./fresh-graph.js";

/** What a sink of these tests is given beside its connection and its graph. */
export type Given = Partial<Omit<DgraphSinkOptions<DgraphWrite>, "write" | "xid">>;

/** A sink whose values are the writes themselves. */
export function writeSink(url: string, graph: FreshGraph, given: Given = {}): Sink<DgraphWrite> {
  return dgraphSink<DgraphWrite>({
    url,
    xid: graph.xid,
    type: graph.type,
    write: (write) => write,
    ...given,
  } as DgraphSinkOptions<DgraphWrite>);
}

/** Writes by a topology of their own, in one batch unless told otherwise. */
export async function writeAll(
  url: string,
  graph: FreshGraph,
  writes: readonly DgraphWrite[],
  given: Given = {},
  options: SinkOptions<DgraphWrite> = {},
): Promise<void> {
  await from(writes)
    .to(writeSink(url, graph, { batch: { size: 1_000 }, ...given }), options)
    .run();
}
