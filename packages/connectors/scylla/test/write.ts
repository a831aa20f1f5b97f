import type { Sink, WriteOutcome } from "@millrace/core";
import { testContext } from "@millrace/core/testing";

/** One write as the engine would make it, and what became of each value. */
export async function writeOnce<T>(sink: Sink<T>, values: readonly T[]): Promise<readonly WriteOutcome[]> {
  const connection = await sink.connect(testContext());
  try {
    const writer = await connection.open({ topology: "test", partitions: ["0"], lease: 1 }, undefined);
    const none = values.map(() => undefined);
    const outcomes = await writer.write(values, {
      signal: new AbortController().signal,
      attempt: 1,
      ids: none,
      keys: none,
      times: none,
      origins: values.map((_, i) => ({ source: "test", partition: "0", offset: i, index: "" })),
    });
    await writer.close();
    return outcomes ?? values.map(() => "written" as const);
  } finally {
    await connection.close();
  }
}
