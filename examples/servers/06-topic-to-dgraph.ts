/** From a topic into a graph: nodes and edges by external id. Against Dgraph, or our stand-in where there is none. */
import { from, topology } from "@millrace/core";
import { dgraphSink, dgraphSource, ensureSchema } from "@millrace/dgraph";
import { deleteTopic, ensureTopic, redpandaTopic } from "@millrace/redpanda";

const brokers = (process.env.KAFKA_BROKERS ?? "127.0.0.1:9092").split(",");
const dgraph = { url: process.env.DGRAPH_URL ?? process.env.DGRAPH_STAND_IN_URL ?? "127.0.0.1:9080" };
const run = Date.now().toString(36);
const topic = `friendships-${run}`;
const [id, friends, type] = [`id_${run}`, `friends_${run}`, `Person_${run}`];
await ensureTopic({ brokers }, topic, { partitions: 2 });
await ensureSchema(dgraph, {
  predicates: { [id]: { type: "string", index: ["exact"], upsert: true }, [friends]: { type: "[uid]", reverse: true } },
  types: { [type]: [id, friends] },
});

interface Friendship {
  readonly from: string;
  readonly to: string;
}
const friendships = redpandaTopic({ brokers, topic });
const made = Array.from({ length: 60 }, (_, i): Friendship => ({ from: `p-${i % 20}`, to: `p-${(i * 7 + 1) % 20}` }));
await from(made)
  .to(friendships.sink({ encode: (friendship) => ({ key: friendship.from, value: JSON.stringify(friendship) }) }))
  .run();

const decode = ({ value }: { readonly value: Uint8Array | undefined }) =>
  JSON.parse(new TextDecoder().decode(value)) as Friendship;
const edges = dgraphSink<Friendship>({
  ...dgraph,
  xid: id,
  type,
  write: (friendship) => ({ kind: "edge", from: friendship.from, predicate: friends, to: friendship.to }),
});
await topology(`friends-${run}`, from(friendships.source({ decode, stopAt: "latest" })).to(edges)).run();

const people = dgraphSource({
  ...dgraph,
  nodes: { type },
  select: [id, { edge: friends, select: [id] }],
  decode: (node) => (node[friends] as readonly unknown[] | undefined)?.length ?? 0,
});
const degrees = await from(people).collect();
console.log(`${degrees.length} people, ${degrees.reduce((sum, degree) => sum + degree, 0)} friendships`);
await deleteTopic({ brokers }, topic);

// prints:
// 20 people, 20 friendships
