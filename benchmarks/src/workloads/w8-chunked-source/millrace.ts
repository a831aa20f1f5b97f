import { from, type Source } from "@millrace/core";
import { addOne, double, isNotThird, sum } from "./input.js";

/** A source of one partition whose every read is one chunk. */
function chunkSource(chunks: readonly (readonly number[])[]): Source<number> {
  return {
    name: "chunks",
    bounded: true,
    connect: async () => ({
      subscribe: (listener) => listener.assigned(["0"], 1),
      open: async (_partition, position) => {
        let next = Number(position ?? 0);
        return {
          read: async () => {
            const values = chunks[next];
            return values === undefined ? undefined : { values, position: String(++next) };
          },
          close: async () => {},
        };
      },
      comparePositions: (left, right) => Number(left) - Number(right),
      close: async () => {},
    }),
  };
}

export async function run(chunks: readonly (readonly number[])[]): Promise<number> {
  return (await from(chunkSource(chunks)).map(addOne).filter(isNotThird).map(double).reduce(sum).last()) ?? 0;
}
