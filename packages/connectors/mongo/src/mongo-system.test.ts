import { MongoClient } from "mongodb";
import { describe, expect, it } from "vitest";
import { MongoPayload, payloadOf, systemOf } from "./mongo-system.js";

const database = "app";

describe("the system of a connection", () => {
  it("is its hosts, in whatever order, and nothing of its credentials", () => {
    const wanted = "mongodb:a:27017,b:27018";
    expect(systemOf({ url: "mongodb://b:27018,A/?replicaSet=x", database })).toBe(wanted);
    expect(systemOf({ url: "mongodb://bob:s%40same@a:27017,b:27018/admin", database: "other" })).toBe(wanted);
    expect(systemOf({ url: "mongodb://bob:p@ss@a,b:27018", database })).toBe(wanted);
    expect(systemOf({ client: new MongoClient("mongodb://bob:secret@b:27018,a"), database })).toBe(wanted);
    expect(systemOf({ url: "mongodb+srv://bob:secret@Cluster.example.net/x", database })).toBe(
      "mongodb+srv:cluster.example.net",
    );
    expect(systemOf({ url: "mongodb://c", database })).not.toBe(wanted);
  });

  it("takes only its own sinks' writes into its commit", () => {
    const own = new MongoPayload("mongodb:a:27017", "app", "c", []);
    expect(payloadOf("mongodb:a:27017", "s", own)).toBe(own);
    for (const other of [new MongoPayload("mongodb:b:27017", "app", "c", []), { writes: [] }, undefined])
      expect(() => payloadOf("mongodb:a:27017", "s", other)).toThrow(/E_CHECKPOINT_STORE: sink "s" gave/);
  });
});
