import { from } from "@millrace/core";
import { dgraphSource } from "@millrace/dgraph";
import type { BenchEvent } from "../bench-event.js";
import { AmountSum, type ConnectorBench, slices } from "../connector-bench.js";
import type { Contents } from "../contents.js";
import {
  createGraph,
  DGRAPH_BATCH,
  dgraphUrl,
  dropGraph,
  type EventNode,
  readGraph,
  upsertByHand,
  withGraph,
} from "../dgraph-graph.js";

async function fill(place: string, values: readonly BenchEvent[]): Promise<void> {
  await createGraph(place);
  await withGraph(async (client) => {
    for (const slice of slices(values, DGRAPH_BATCH)) {
      const request = upsertByHand(place, slice);
      request.setCommitNow(true);
      await client.newTxn().doRequest(request);
    }
  });
}

/** Citizens, which are nodes of the type too, have no amount. */
function addTo(sum: AmountSum): (node: Pick<EventNode, "benchAmount">) => void {
  return ({ benchAmount }) => {
    if (benchAmount !== undefined) sum.add({ amount: benchAmount });
  };
}

async function loop(place: string): Promise<Contents> {
  const sum = new AmountSum();
  await readGraph(place, addTo(sum));
  return sum.contents;
}

async function millrace(place: string): Promise<Contents> {
  const sum = new AmountSum();
  const source = dgraphSource({
    url: dgraphUrl(),
    nodes: { type: place },
    select: ["benchID", "benchKind", "benchAmount", { edge: "benchCitizen", select: ["benchID"] }],
    decode: (node) => node as unknown as EventNode,
  });
  await from(source).forEach(addTo(sum));
  return sum.contents;
}

export const bench: ConnectorBench = { kind: "source", fill, contenders: { loop, millrace }, drop: dropGraph };
