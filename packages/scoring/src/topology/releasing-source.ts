import type { Position, Source } from "@millrace/core";

/**
 * The same source, and after every commit of its positions `release` is told how far each partition is done: what lies before is
 * covered by a checkpoint and never comes again. Positions must be the numbers of the next offset, as those of topics are.
 */
export function releasingSource<T>(
  source: Source<T>,
  release: (offsets: ReadonlyMap<string, number>) => Promise<void>,
): Source<T> {
  return {
    name: source.name,
    ...(source.bounded === undefined ? {} : { bounded: source.bounded }),
    ...(source.partitioned === undefined ? {} : { partitioned: source.partitioned }),
    connect: async (context) => {
      const connection = await source.connect(context);
      const { committed, commit, partitionOf, health } = connection;
      return {
        subscribe: (listener) => connection.subscribe(listener),
        open: (partition, position) => connection.open(partition, position),
        comparePositions: (left, right) => connection.comparePositions(left, right),
        close: () => connection.close(),
        ...(committed === undefined ? {} : { committed: committed.bind(connection) }),
        ...(partitionOf === undefined ? {} : { partitionOf: partitionOf.bind(connection) }),
        ...(health === undefined ? {} : { health: health.bind(connection) }),
        ...(commit === undefined
          ? {}
          : {
              commit: async (positions: ReadonlyMap<string, Position>, generation: number): Promise<void> => {
                await commit.call(connection, positions, generation);
                await release(new Map([...positions].map(([partition, position]) => [partition, Number(position)])));
              },
            }),
      };
    },
  };
}
