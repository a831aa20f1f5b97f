import type { CheckpointConnection } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import { sqliteCheckpoints, sqliteTopic } from "@millrace/sqlite";

/** What a test tells this process to do. */
export type Order =
  | { readonly do: "nothing" }
  | { readonly do: "lease"; readonly file: string; readonly task: string }
  | { readonly do: "commit"; readonly task: string; readonly lease: number; readonly epoch: number }
  | { readonly do: "append"; readonly file: string; readonly topic: string; readonly values: readonly string[] };

export type Answer =
  | Record<never, never>
  | { readonly number: number }
  | { readonly epoch: number | undefined }
  | { readonly appended: number }
  | { readonly code: string; readonly message: string };

let connection: CheckpointConnection | undefined;

async function obey(order: Order): Promise<Answer> {
  switch (order.do) {
    case "nothing":
      return {};
    case "lease": {
      connection = await sqliteCheckpoints({ file: order.file }).connect(testContext());
      return { number: (await connection.lease(order.task)).number };
    }
    case "commit": {
      const { task, lease, epoch } = order;
      const nothing = {
        positions: new Map(),
        partitionCounts: new Map(),
        sinkStates: new Map(),
        changes: [],
        commits: [],
      };
      const time = { processing: 0, watermarks: new Map() };
      await connection?.commit(task, lease, {
        format: 1,
        epoch,
        ended: false,
        topologyHash: "",
        mode: "one",
        time,
        ...nothing,
      });
      return { epoch: await connection?.latestEpoch(task, lease) };
    }
    case "append": {
      const topic = sqliteTopic({ file: order.file, name: order.topic, partitions: 1 });
      return { appended: (await topic.append(order.values.map((value) => ({ value })))).length };
    }
  }
}

process.on("message", (order: Order) => {
  obey(order).then(
    (answer) => process.send?.(answer),
    ({ code, message }) => process.send?.({ code, message }),
  );
});
