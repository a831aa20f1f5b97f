/** A source and a sink of one's own: what a connector is. Batching, retries, checkpoints and metrics are the engine's. */
import { from, memoryCheckpoints, type Sink, type Source, topology, WriteError } from "@millrace/core";

/** The numbers below `end`. A position is the next number, as text. */
function numbersBelow(end: number): Source<number> {
  return {
    name: "numbers",
    bounded: true,
    connect: async () => ({
      subscribe: (listener) => listener.assigned(["0"], 1),
      open: async (_partition, position) => {
        let next = Number(position ?? 0);
        return {
          read: async () => {
            if (next >= end) return undefined;
            const values = Array.from({ length: Math.min(4, end - next) }, (_, i) => next + i);
            next += values.length;
            return { values, offsets: values, position: String(next) };
          },
          close: async () => {},
        };
      },
      comparePositions: (left, right) => Number(left) - Number(right),
      close: async () => {},
    }),
  };
}

/** Rows by id: a replay writes the same id with the same content. The first write fails, and the engine tries again. */
function rows(table: Map<string, number>): Sink<number> {
  return {
    name: "rows",
    writes: "idempotent",
    connect: async () => ({
      open: async () => ({
        write: async (values, { ids, attempt }) => {
          if (attempt === 1) throw new WriteError("transient", "E_ROWS_BUSY", "the table is locked");
          for (const [i, value] of values.entries()) table.set(ids[i] as string, value);
        },
        close: async () => {},
      }),
      close: async () => {},
    }),
  };
}

const table = new Map<string, number>();
const squares = topology(
  "squares",
  from(numbersBelow(10))
    .map((n) => n * n)
    .to(rows(table)),
);
const store = memoryCheckpoints();
await squares.run({ checkpoint: { every: "1s", store }, delivery: "effectively-once" });
for (const [id, value] of [...table].slice(-2)) console.log(`${id}: ${value}`);

// prints:
// numbers/0/8: 64
// numbers/0/9: 81
