import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { type RawCluster, type RawGroup, watchFetches } from "./kafkajs-internals.js";

const require = createRequire(import.meta.url);
const { prototype } = require("kafkajs/src/consumer/consumerGroup") as { readonly prototype: RawGroup };
const SubscriptionState =
  require("kafkajs/src/consumer/subscriptionState") as new () => RawGroup["subscriptionState"] & {
    assign(topics: readonly { topic: string; partitions: number[] }[]): void;
    pause(topics: readonly { topic: string; partitions: number[] }[]): void;
    resume(topics: readonly { topic: string; partitions: number[] }[]): void;
  };

/** A member of a group that holds partitions 0 and 1 at one broker and 2 at another, and tells when kafkajs's own fetch begins. */
function member(): {
  group: RawGroup;
  state: InstanceType<typeof SubscriptionState>;
  resume(): void;
  fetches(): number;
} {
  let fetches = 0;
  let resume = (): void => {};
  const cluster = {
    refreshMetadataIfNecessary: async () => {
      fetches++;
      throw new Error("so far only");
    },
  } as unknown as RawCluster;
  const state = new SubscriptionState();
  state.assign([{ topic: "t", partitions: [0, 1, 2] }]);
  const at = (node: string, partition: number): boolean => (node === "b") === (partition === 2);
  watchFetches(cluster, {
    began: () => {},
    fetched: () => {},
    resumed: () =>
      new Promise((resolve) => {
        resume = resolve;
      }),
  });
  const group = Object.assign(Object.create(prototype) as RawGroup, {
    cluster,
    subscriptionState: state,
    filterPartitionsByNode: (node: string, topics: readonly { topic: string; partitions: readonly number[] }[]) =>
      topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.filter((each) => at(node, each)) })),
    recoverFromFetch: async () => {},
  });
  return { group, state, resume: () => resume(), fetches: () => fetches };
}

it("a consumer whose partitions are all paused fetches as soon as one goes on, where kafkajs would sleep", async () => {
  const { group, state, resume, fetches } = member();
  state.pause([{ topic: "t", partitions: [0, 1] }]);
  const fetching = group.fetch("a");
  await Promise.resolve();
  expect(fetches()).toBe(0);
  state.resume([{ topic: "t", partitions: [1] }]);
  resume();
  expect(await fetching).toEqual([]);
  expect(fetches()).toBe(1);
});

it("it asks for nothing while all of a broker's are paused, and of other brokers it does", async () => {
  const { group, state, resume, fetches } = member();
  state.pause([{ topic: "t", partitions: [0, 1] }]);
  await group.fetch("b");
  expect(fetches()).toBe(1);
  const fetching = group.fetch("a");
  resume();
  expect(await fetching).toEqual([]);
  expect(fetches()).toBe(1);
});

it("one that holds nothing waits as kafkajs does", async () => {
  const { group, state, fetches } = member();
  state.assign([]);
  await group.fetch("a");
  expect(fetches()).toBe(1);
});
