import cassandra from "cassandra-driver";
import { describe, expect, it } from "vitest";
import { classify, isUnprepared } from "./scylla-errors.js";

const { errors } = cassandra;
const answer = (code: number, message = "no"): Error => new errors.ResponseError(code, message);
const broken = Object.assign(new Error("socket closed"), { isSocketError: true });

describe("classes of failures", () => {
  it.each<[string, unknown, string, string]>([
    ["overloaded", answer(0x1001), "throttled", "throttled"],
    ["a rate limit of ScyllaDB", answer(0x4321), "throttled", "throttled"],
    ["too many requests", new errors.BusyConnectionError("h", 1, 1), "throttled", "throttled"],
    ["bootstrapping", answer(0x1002), "transient", "transient"],
    ["unavailable: nothing was begun", answer(0x1000), "transient", "transient"],
    ["a read that timed out", answer(0x1200), "transient", "transient"],
    ["a write that timed out", answer(0x1100), "unknown-outcome", "unknown-outcome"],
    ["a write that failed on a replica", answer(0x1500), "unknown-outcome", "unknown-outcome"],
    ["a conditional write of unknown end", answer(0x1700), "unknown-outcome", "unknown-outcome"],
    ["no answer in time", new errors.OperationTimedOutError("t"), "transient", "unknown-outcome"],
    ["a broken connection", broken, "transient", "unknown-outcome"],
    ["an error inside of the server", answer(0x0000), "transient", "unknown-outcome"],
    ["no host that took it", new errors.NoHostAvailableError({ h: broken }), "transient", "transient"],
    ["a refused login", answer(0x0100), "fatal", "fatal"],
    [
      "a refused login of all hosts",
      new errors.NoHostAvailableError({ h: new errors.AuthenticationError("x") }),
      "fatal",
      "fatal",
    ],
    [
      "a datacenter that is not there",
      new errors.NoHostAvailableError({ h: new errors.ArgumentError("x") }),
      "fatal",
      "fatal",
    ],
    ["no permission", answer(0x2100), "fatal", "fatal"],
    ["bad syntax", answer(0x2000), "fatal", "fatal"],
    ["no table", answer(0x2200, "table nope does not exist"), "fatal", "fatal"],
    ["no table, as ScyllaDB says it", answer(0x2200, "unconfigured table nope"), "fatal", "fatal"],
    ["no column", answer(0x2200, "Undefined column name zz in table probe.t"), "fatal", "fatal"],
    ["a refused value", answer(0x2200, "Key may not be empty"), "poison", "poison"],
    ["a mutation that is too large", answer(0x2200, "Rejected an oversized mutation (9/8)"), "poison", "poison"],
    ["what can not be encoded", new TypeError("Expected Number"), "poison", "poison"],
  ])("%s", (_, error, whenReading, whenWriting) => {
    expect(classify(error, "read").class).toBe(whenReading);
    expect(classify(error, "write").class).toBe(whenWriting);
  });

  it("a refused value or batch has changed nothing", () => {
    expect(classify(answer(0x2200, "Batch too large"), "write")).toMatchObject({
      code: "E_SCYLLA_TOO_LARGE",
      atomic: true,
    });
    expect(classify(answer(0x1100), "write").atomic).toBe(false);
  });

  it("knows a statement that could not be prepared again", () => {
    expect(isUnprepared(new errors.NoHostAvailableError({ h: answer(0x2500) }))).toBe(true);
    expect(isUnprepared(new errors.NoHostAvailableError({ h: broken }))).toBe(false);
    expect(isUnprepared(answer(0x2500))).toBe(false);
  });
});
