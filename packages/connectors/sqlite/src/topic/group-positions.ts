import { type Connection, inTransaction } from "../file/database.js";
import { FileFailure } from "../file/failure.js";

export interface CommitPositionsCall {
  readonly topic: number;
  readonly group: string;
  readonly positions: readonly (readonly [partition: number, position: number])[];
  readonly generation: number;
}

interface Row {
  readonly position: number;
  readonly generation: number;
}

/** The newest generation that has committed for a group; 0 before the first. */
export function generationOf(db: Connection, topic: number, group: string): number {
  const newest = db
    .prepare("SELECT max(generation) FROM millrace_positions WHERE topic = ? AND consumer = ?")
    .pluck()
    .get(topic, group);
  return typeof newest === "number" ? newest : 0;
}

/** The committed position of a partition, if there is one. */
export function positionOf(db: Connection, topic: number, group: string, partition: number): number | undefined {
  const row = db
    .prepare("SELECT position FROM millrace_positions WHERE topic = ? AND consumer = ? AND partition = ?")
    .pluck();
  return row.get(topic, group, partition) as number | undefined;
}

/** Keeps the positions of a group. They never go back, and a generation older than the newest that committed is refused. */
export function commitPositions(db: Connection, call: CommitPositionsCall): void {
  const { topic, group, positions, generation } = call;
  inTransaction(db, () => {
    const newest = generationOf(db, topic, group);
    if (newest > generation)
      throw new FileFailure(
        "E_FENCED",
        "fatal",
        `group "${group}" is now read by a newer consumer (generation ${newest}, this one is ${generation}): two runs of one topology without a checkpoint store were started on one topic`,
      );
    const find = db.prepare(
      "SELECT position, generation FROM millrace_positions WHERE topic = ? AND consumer = ? AND partition = ?",
    );
    const save = db.prepare(
      "INSERT OR REPLACE INTO millrace_positions (topic, consumer, partition, position, generation) VALUES (?, ?, ?, ?, ?)",
    );
    for (const [partition, position] of positions) {
      const row = find.get(topic, group, partition) as Row | undefined;
      save.run(topic, group, partition, Math.max(position, row?.position ?? 0), generation);
    }
  });
}

/** Forgets what a group has read. */
export function forgetGroup(db: Connection, topic: number, group: string): void {
  db.prepare("DELETE FROM millrace_positions WHERE topic = ? AND consumer = ?").run(topic, group);
}
