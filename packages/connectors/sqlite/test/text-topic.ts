import type { Message, Sink, Source, SourceBatch, SourceConnection, SourceReader, WriteContext } from "@millrace/core";
import { testContext } from "@millrace/core/testing";
import type { SqliteTopic } from "@millrace/sqlite";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** A message's value as text. */
export function textOf(message: Message): string {
  return decoder.decode(message.value);
}

/** The topic's values as a source of texts. */
export function texts(
  topic: SqliteTopic,
  options: { startAt?: "earliest" | "latest" | Date; stopAt?: "latest" } = {},
): Source<string> {
  return topic.source({ decode: textOf, ...options });
}

/** A topic's sink of texts: the text before a colon is the key. */
export function textSink(topic: SqliteTopic): Sink<string> {
  return topic.sink({ encode: (text) => ({ key: text.split(":")[0] as string, value: text }) });
}

/** All values of a topic as text, partition after partition. */
export async function contents(topic: SqliteTopic, partition?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const message of topic.messages(partition === undefined ? {} : { partition })) found.push(textOf(message));
  return found;
}

/** The partitions and generation that a connection is assigned. */
export async function assignment(
  connection: SourceConnection<unknown>,
): Promise<{ partitions: readonly string[]; generation: number }> {
  let told: { partitions: readonly string[]; generation: number } | undefined;
  await connection.subscribe({
    async assigned(partitions, generation) {
      told = { partitions, generation };
    },
    async lost() {},
  });
  if (told === undefined) throw new Error("assigned() was not called");
  return told;
}

/** Reads on until the reader has caught up, or ends. */
export async function drain<T>(reader: SourceReader<T>): Promise<SourceBatch<T>[]> {
  const batches: SourceBatch<T>[] = [];
  for (;;) {
    const batch = await reader.read();
    if (batch === undefined) return batches;
    batches.push(batch);
    if (batch.caughtUp === true) return batches;
  }
}

/** What the engine passes with a batch of values. */
export function writeContext(ids: readonly (string | undefined)[], times?: readonly number[]): WriteContext {
  const none = ids.map(() => undefined);
  return { signal: testContext().signal, attempt: 1, ids, keys: none, times: times ?? none, origins: none };
}
