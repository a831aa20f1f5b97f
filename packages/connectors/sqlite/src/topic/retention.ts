import { type LogStatements, logTable, type PartitionState, type TopicFacts } from "./topic-tables.js";

/** How much of a partition is kept, in plain numbers. */
export interface RetentionPlan {
  readonly ageMs: number | undefined;
  readonly bytes: number | undefined;
}

/** At most so many messages of a partition are deleted in one transaction, so that none takes long. */
const MAX_DELETES = 10_000;

interface HeadRow {
  readonly offset: number;
  readonly timestamp: number;
  readonly size: number;
}

/**
 * Moves the head of a partition over what is too old or too much, inside the caller's transaction. It deletes from the head only, so
 * offsets stay dense, and never the newest message. True: there may be more to delete.
 */
export function cutHead(
  statements: LogStatements,
  topic: TopicFacts,
  state: PartitionState,
  retention: RetentionPlan,
  now: number,
): boolean {
  const oldest = retention.ageMs === undefined ? Number.NEGATIVE_INFINITY : now - retention.ageMs;
  const most = retention.bytes ?? Number.POSITIVE_INFINITY;
  const table = logTable(topic.id, state.partition);
  const rows = statements.prepare(
    `SELECT offset, timestamp, ${SIZE} AS size FROM ${table} WHERE offset >= ? ORDER BY offset LIMIT ${MAX_DELETES}`,
  );
  let head = state.head;
  let { bytes } = state;
  for (const row of rows.iterate(state.head) as IterableIterator<HeadRow>) {
    if (row.offset >= state.next - 1 || (bytes <= most && row.timestamp >= oldest)) break;
    head = row.offset + 1;
    bytes -= row.size;
  }
  if (head === state.head) return false;
  const cut = head - state.head;
  statements.prepare(`DELETE FROM ${table} WHERE offset < ?`).run(head);
  state.head = head;
  state.bytes = bytes;
  return cut >= MAX_DELETES;
}

/** What a message counts beside its bytes. */
export const MESSAGE_OVERHEAD_BYTES = 24;

const SIZE = `${MESSAGE_OVERHEAD_BYTES} + ifnull(length(key), 0) + ifnull(length(value), 0) + ifnull(length(headers), 0)`;
