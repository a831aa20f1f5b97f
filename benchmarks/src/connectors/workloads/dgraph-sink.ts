import { from } from "@millrace/core";
import { dgraphSink } from "@millrace/dgraph";
import type { BenchEvent } from "../bench-event.js";
import { type ConnectorBench, slices } from "../connector-bench.js";
import { type Contents, contentsOf } from "../contents.js";
import {
  createGraph,
  DGRAPH_BATCH,
  dgraphUrl,
  dropGraph,
  nodeID,
  readGraph,
  upsertAsJson,
  upsertByHand,
  withGraph,
} from "../dgraph-graph.js";

/** Two calls, as the sink makes them: a commit that comes with the request would be done whatever happened meanwhile. */
function loop(place: string, values: readonly BenchEvent[]): Promise<void> {
  return withGraph(async (client) => {
    for (const slice of slices(values, DGRAPH_BATCH)) {
      const transaction = client.newTxn();
      await transaction.doRequest(upsertByHand(place, slice));
      await transaction.commit();
    }
  });
}

async function millrace(place: string, values: readonly BenchEvent[]): Promise<void> {
  const sink = dgraphSink<BenchEvent>({
    url: dgraphUrl(),
    xid: "benchID",
    type: place,
    write: ({ id, citizenID, kind, amount }) => ({
      kind: "set",
      id: nodeID(place, id),
      fields: { benchKind: kind, benchAmount: amount },
      edges: [{ predicate: "benchCitizen", to: nodeID(place, citizenID) }],
    }),
  });
  await from(values).to(sink).run();
}

function writer(place: string, values: readonly BenchEvent[]): Promise<void> {
  return withGraph(async (client) => {
    for (const slice of slices(values, DGRAPH_BATCH)) {
      const request = upsertAsJson(place, slice);
      request.setCommitNow(true);
      await client.newTxn().doRequest(request);
    }
  });
}

function one(place: string, values: readonly BenchEvent[]): Promise<void> {
  return withGraph(async (client) => {
    for (const value of values) {
      const transaction = client.newTxn();
      await transaction.doRequest(upsertByHand(place, [value]));
      await transaction.commit();
    }
  });
}

function text({ id, citizenID, kind, amount }: Pick<BenchEvent, "id" | "citizenID" | "kind" | "amount">): string {
  return [id, citizenID, kind, amount].join(" ");
}

async function contents(place: string): Promise<Contents> {
  const texts: string[] = [];
  const own = (id: string | undefined): string => (id ?? "").slice(place.length + 1);
  await readGraph(place, ({ benchID, benchKind = "", benchAmount = 0, benchCitizen }) => {
    // The others are the citizens.
    if (benchCitizen !== undefined)
      texts.push(
        text({ id: own(benchID), citizenID: own(benchCitizen.benchID), kind: benchKind, amount: benchAmount }),
      );
  });
  return contentsOf(texts);
}

export const bench: ConnectorBench = {
  kind: "sink",
  create: createGraph,
  contenders: { loop, millrace, writer, await: one },
  text,
  contents,
  drop: dropGraph,
};
