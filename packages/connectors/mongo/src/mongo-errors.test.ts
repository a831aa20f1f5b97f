import { StreamError, WriteError } from "@millrace/core";
import {
  MongoClientClosedError,
  MongoCompatibilityError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
  MongoWriteConcernError,
} from "mongodb";
import { describe, expect, it } from "vitest";
import { classify, classifyMongoError, classifyRead } from "./mongo-errors.js";

const server = (code: number, labels: readonly string[] = []): MongoServerError =>
  new MongoServerError({ message: "no", code, errorLabels: [...labels] });

describe("errors", () => {
  it.each([
    [13, "fatal", "E_MONGO_AUTH"],
    [18, "fatal", "E_MONGO_AUTH"],
    [8000, "fatal", "E_MONGO_AUTH"],
    [20, "fatal", "E_MONGO_20"],
    [26, "fatal", "E_MONGO_26"],
    [73, "fatal", "E_MONGO_73"],
    [79, "fatal", "E_MONGO_79"],
    [2, "poison", "E_MONGO_2"],
    [9, "poison", "E_MONGO_9"],
    [14, "poison", "E_MONGO_14"],
    [52, "poison", "E_MONGO_52"],
    [66, "poison", "E_MONGO_66"],
    [121, "poison", "E_MONGO_121"],
    [11000, "poison", "E_MONGO_11000"],
    [10334, "poison", "E_MONGO_TOO_LARGE"],
    [17280, "poison", "E_MONGO_TOO_LARGE"],
    [17419, "poison", "E_MONGO_TOO_LARGE"],
    [112, "conflict", "E_MONGO_112"],
    [251, "conflict", "E_MONGO_251"],
    [64, "unknown-outcome", "E_MONGO_64"],
    [462, "throttled", "E_MONGO_462"],
    ...[50, 91, 189, 262, 10107, 11600, 11602, 13435, 13436].map(
      (code) => [code, "transient", `E_MONGO_${code}`] as const,
    ),
  ] as const)("%i is %s", (code, errorClass, name) => {
    expect(classify(server(code))).toMatchObject({ class: errorClass, code: name });
  });

  it("labels go before numbers", () => {
    expect(classify(server(91, ["TransientTransactionError"])).class).toBe("conflict");
    expect(classify(server(91, ["UnknownTransactionCommitResult"])).class).toBe("unknown-outcome");
    expect(classify(server(1, ["SystemOverloadedError"])).class).toBe("throttled");
    const concern = { code: 91, errmsg: "shutdown" };
    expect(classify(new MongoWriteConcernError({ ok: 1, writeConcernError: concern })).class).toBe("unknown-outcome");
  });

  it("a connection that broke leaves open what became of a write, one that was never had does not", () => {
    expect(classify(new MongoNetworkError("connection 3 to 127.0.0.1:1 closed")).class).toBe("unknown-outcome");
    expect(classify(new MongoNetworkTimeoutError("timed out")).class).toBe("unknown-outcome");
    expect(classify(new MongoNetworkError("connect ECONNREFUSED 127.0.0.1:1")).class).toBe("transient");
    expect(classify(new MongoClientClosedError()).class).toBe("fatal");
  });

  it("a server that is too old, or options that do not fit together, will not become better", () => {
    expect(classify(new MongoCompatibilityError("wire version 6"))).toMatchObject({
      class: "fatal",
      code: "E_MONGO_ARGUMENT",
    });
  });

  it("what the driver refuses to send is poison, and nothing of it was sent", () => {
    expect(classify(new MongoInvalidArgumentError("Document is larger"))).toMatchObject({
      class: "poison",
      atomic: true,
    });
    expect(classify(new TypeError("circular"))).toMatchObject({ class: "poison", code: "E_MONGO_VALUE", atomic: true });
    const own = new WriteError("throttled", "E_OWN", "wait");
    expect(classify(own)).toBe(own);
  });

  it("a read changes nothing, so it is asked again", () => {
    expect(classifyRead(new MongoNetworkError("closed"))).toMatchObject({
      class: "transient",
      code: "E_MONGO_CONNECTION",
    });
    expect(classifyRead(server(112))).toMatchObject({ class: "transient" });
    expect(classifyRead(server(13))).toMatchObject({ class: "fatal" });
    const own = new StreamError("E_MONGO_HISTORY", "lost");
    expect(classifyRead(own)).toBe(own);
  });

  it("of a caller's own calls are told as those of the parts are", () => {
    const broken = new MongoNetworkError("connection 3 to 127.0.0.1:1 closed");
    expect(classifyMongoError(broken, "write")).toMatchObject({ class: "unknown-outcome" });
    expect(classifyMongoError(broken, "read")).toMatchObject({ class: "transient" });
    expect(classifyMongoError(server(121), "write")).toMatchObject({ class: "poison", code: "E_MONGO_121" });
    const own = new StreamError("E_LOOKUP", "not connected");
    for (const call of ["read", "write"] as const) expect(classifyMongoError(own, call)).toBe(own);
  });
});
