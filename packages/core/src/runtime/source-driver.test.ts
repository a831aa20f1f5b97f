import { describe, expect, it } from "vitest";
import type { Sink, Source } from "../connector.js";
import { from } from "../from.js";

/** A source that counts how often its offsets were asked for. */
function countingSource(): Source<number> & { readonly asked: number } {
  let asked = 0;
  return {
    name: "counting",
    bounded: true,
    get asked() {
      return asked;
    },
    connect: async () => ({
      subscribe: (listener) => listener.assigned(["0"], 1),
      open: async () => {
        let left = 2;
        return {
          read: async () => {
            if (left-- === 0) return undefined;
            return {
              values: [1, 2],
              position: String(left),
              get offsets() {
                asked++;
                return [left * 2, left * 2 + 1];
              },
            };
          },
          close: async () => {},
        };
      },
      comparePositions: (left, right) => Number(left) - Number(right),
      close: async () => {},
    }),
  };
}

function idSink(into: (string | undefined)[], metadata: boolean): Sink<number> {
  return {
    name: "ids",
    writes: "append",
    ...(metadata ? {} : { metadata: false as const }),
    connect: async () => ({
      open: async () => ({
        write: async (_values, { ids }) => {
          into.push(...ids);
        },
        close: async () => {},
      }),
      close: async () => {},
    }),
  };
}

describe("a source driver", () => {
  it("does not ask for offsets that nobody reads", async () => {
    const source = countingSource();
    const ids: (string | undefined)[] = [];
    await from(source).to(idSink(ids, false)).run();
    expect(source.asked).toBe(0);
    expect(ids).toEqual([undefined, undefined, undefined, undefined]);
  });

  it("makes ids of them for a sink that reads them", async () => {
    const ids: (string | undefined)[] = [];
    await from(countingSource()).to(idSink(ids, true)).run();
    expect(ids).toEqual(["counting/0/2", "counting/0/3", "counting/0/0", "counting/0/1"]);
  });
});
