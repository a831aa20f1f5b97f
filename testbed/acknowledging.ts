import type { Sink } from "@millrace/core";

/** The sink, telling behind each write which values it acknowledged: what a killed process has told was acknowledged before. */
export function acknowledging<T>(sink: Sink<T>, tell: (values: readonly T[]) => void): Sink<T> {
  return {
    ...sink,
    connect: async (context) => {
      const connection = await sink.connect(context);
      return {
        ...connection,
        open: async (task, state) => {
          const writer = await connection.open(task, state);
          return {
            write: async (values, call) => {
              const outcomes = await writer.write(values, call);
              tell(outcomes === undefined ? values : values.filter((_, i) => outcomes[i] === "written"));
              return outcomes;
            },
            close: () => writer.close(),
          };
        },
        close: () => connection.close(),
      };
    },
  };
}
