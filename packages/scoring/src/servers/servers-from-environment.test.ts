import { describe, expect, it } from "vitest";
import { serverNames } from "./server-connections.js";
import { serversFromEnvironment } from "./servers-from-environment.js";

const WHOLE = {
  KAFKA_BROKERS: "127.0.0.1:9092, 127.0.0.1:9093",
  MONGO_URL: "mongodb://127.0.0.1",
  CASSANDRA_CONTACT_POINTS: "127.0.0.1:9042",
  INFLUX_URL: "http://127.0.0.1:8086",
  INFLUX_TOKEN: "secret",
  INFLUX_ORG: "acme",
};

describe("serversFromEnvironment", () => {
  it("takes the addresses as the testbed gives them", () => {
    const servers = serversFromEnvironment({ ...WHOLE, CASSANDRA_DATACENTER: "east" });
    expect(servers.kafka.brokers).toEqual(["127.0.0.1:9092", "127.0.0.1:9093"]);
    expect(servers.scylla).toMatchObject({ localDataCenter: "east", replication: { east: 1 } });
    expect(servers.dgraph).toBeUndefined();
  });

  it("says in one error what is missing and which command gives it, and no secret", () => {
    const { MONGO_URL: _, ...rest } = WHOLE;
    const failing = (): unknown => serversFromEnvironment({ ...rest, KAFKA_BROKERS: "" });
    expect(failing).toThrow(/^E_SERVERS: KAFKA_BROKERS, MONGO_URL are not set.*npm run testbed -- up/);
    expect(failing).not.toThrow(/secret/);
  });

  it("never takes the stand-in for Dgraph, and Dgraph rather than the stand-in", () => {
    const standIn = serversFromEnvironment({ ...WHOLE, DGRAPH_STAND_IN_URL: "127.0.0.1:1" });
    expect(standIn).toMatchObject({ dgraph: { url: "127.0.0.1:1" }, dgraphIsStandIn: true });
    const both = serversFromEnvironment({ ...WHOLE, DGRAPH_STAND_IN_URL: "127.0.0.1:1", DGRAPH_URL: "127.0.0.1:2" });
    expect(both).toMatchObject({ dgraph: { url: "127.0.0.1:2" }, dgraphIsStandIn: false });
  });
});

describe("serverNames", () => {
  it("refuses what could not be a name in all systems, and shares no name between namespaces", () => {
    for (const bad of ["", "Demo", "1a", "a-b", "a.b", `a${"b".repeat(32)}`])
      expect(() => serverNames(bad), bad).toThrow(/E_ARGUMENT/);
    const ours = Object.values(serverNames("a"));
    expect(ours.filter((name) => Object.values(serverNames("a_b")).includes(name))).toEqual([]);
  });
});
