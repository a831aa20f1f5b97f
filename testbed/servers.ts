import { cassandra } from "./cassandra.js";
import { dgraph } from "./dgraph.js";
import { influx } from "./influx.js";
import { kafka } from "./kafka.js";
import { mongo } from "./mongo.js";
import type { Server } from "./server.js";

/** What `up` starts without names; `KAFKA_NODES=3` makes the broker three. */
export function allServers(): readonly Server[] {
  const nodes = process.env.KAFKA_NODES === "3" ? 3 : 1;
  return [...Array.from({ length: nodes }, (_, i) => kafka(i + 1, nodes)), cassandra(), influx(), mongo(), dgraph()];
}

/** The servers of these names (`kafka` is all its nodes); all of them where none is named. */
export function pickServers(names: readonly string[]): readonly Server[] {
  const all = allServers();
  if (names.length === 0) return all;
  return names.flatMap((name) => {
    const found = all.filter((server) => server.name === name || server.name.startsWith(`${name}-`));
    if (found.length === 0)
      throw new Error(`there is no server "${name}": ${all.map((server) => server.name).join(", ")}`);
    return found;
  });
}
