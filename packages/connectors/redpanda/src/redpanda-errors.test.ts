import { createRequire } from "node:module";
import { WriteError } from "@millrace/core";
import { describe, expect, it } from "vitest";
import { classify } from "./redpanda-errors.js";

const { createErrorFromCode } = createRequire(import.meta.url)("kafkajs/src/protocol/error") as {
  createErrorFromCode(code: number): Error;
};

/** As @platformatic/kafka wraps what a broker says. */
function wrapped(inner: object): Error {
  const response = Object.assign(new Error("Received response with error"), {
    code: "PLT_KFK_RESPONSE",
    errors: [Object.assign(new Error("what the broker says"), inner)],
  });
  return Object.assign(new Error("commit failed 4 times."), { code: "PLT_KFK_MULTIPLE", errors: [response] });
}

describe("both clients' errors", () => {
  it.each([
    [10, "MESSAGE_TOO_LARGE", "poison"],
    [22, "ILLEGAL_GENERATION", "transient"],
    [25, "UNKNOWN_MEMBER_ID", "transient"],
    [27, "REBALANCE_IN_PROGRESS", "transient"],
    [29, "TOPIC_AUTHORIZATION_FAILED", "fatal"],
    [34, "ILLEGAL_SASL_STATE", "fatal"],
    [58, "SASL_AUTHENTICATION_FAILED", "fatal"],
    [87, "INVALID_RECORD", "poison"],
  ] as const)("%i %s is %s", (code, name, wanted) => {
    expect(createErrorFromCode(code)).toMatchObject({ type: name });
    expect(classify(createErrorFromCode(code)).class).toBe(wanted);
    expect(classify(wrapped({ apiId: name, canRetry: false })).class).toBe(wanted);
  });
});

it("a broker that is not there is tried again, and the innermost error says why", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), { code: "ECONNREFUSED" });
  const network = Object.assign(new Error("Connection to 127.0.0.1:9 failed.", { cause: refused }), {
    code: "PLT_KFK_NETWORK",
    canRetry: true,
  });
  const error = Object.assign(new Error("listApis failed 4 times."), { code: "PLT_KFK_MULTIPLE", errors: [network] });
  expect(classify(error)).toMatchObject({
    class: "transient",
    code: "E_REDPANDA_CONNECTION",
    message:
      "Redpanda can not be reached or is not ready: Connection to 127.0.0.1:9 failed.: connect ECONNREFUSED 127.0.0.1:9",
  });
});

it("what a part of ours threw inside a client comes out as it is", () => {
  const own = new WriteError("fatal", "E_REDPANDA_CODEC", "install it");
  expect(classify(new Error("wrapped", { cause: own }))).toBe(own);
  expect(classify(Object.assign(new Error("several"), { errors: [new Error("other"), own] }))).toBe(own);
});
