import { EventEmitter } from "node:events";
import type { Client } from "cassandra-driver";
import { expect, it } from "vitest";
import { endRemovedHosts } from "./removed-hosts.js";

it("a host that left the driver's list ends with the client, and not before", async () => {
  const calls: string[] = [];
  const emitter = Object.assign(new EventEmitter(), { shutdown: async () => void calls.push("client") });
  const client = endRemovedHosts(emitter as unknown as Client);
  emitter.emit("hostRemove", { shutdown: async (wait: boolean) => void calls.push(`host, waits: ${wait}`) });
  expect(calls).toEqual([]);
  await client.shutdown();
  expect(calls).toEqual(["client", "host, waits: false"]);
});
