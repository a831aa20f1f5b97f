import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { classify, type Phase } from "./dgraph-errors.js";

const grpc = (code: number, details: string): Error =>
  Object.assign(new Error(`${code}: ${details}`), { code, details });

describe("classify", () => {
  it.each<[code: number, details: string, phase: Phase, errorClass: string, name: string]>([
    [status.ABORTED, "Transaction has been aborted. Please retry", "mutate", "conflict", "E_DGRAPH_ABORTED"],
    [status.ABORTED, "Transaction has been aborted. Please retry", "commit", "conflict", "E_DGRAPH_ABORTED"],
    [status.FAILED_PRECONDITION, "conflict", "commit", "conflict", "E_DGRAPH_ABORTED"],
    [status.UNKNOWN, "Transaction has been aborted. Please retry", "commit", "conflict", "E_DGRAPH_ABORTED"],
    [status.UNAVAILABLE, "No connection established", "mutate", "transient", "E_DGRAPH_CONNECTION"],
    [status.UNAVAILABLE, "No connection established", "commit", "unknown-outcome", "E_DGRAPH_CONNECTION"],
    [status.DEADLINE_EXCEEDED, "Deadline exceeded", "commit", "unknown-outcome", "E_DGRAPH_CONNECTION"],
    [status.INTERNAL, "Received RST_STREAM", "commit", "unknown-outcome", "E_DGRAPH_CONNECTION"],
    [status.UNKNOWN, "something", "commit", "unknown-outcome", "E_DGRAPH_CONNECTION"],
    [
      status.UNKNOWN,
      "Please retry again, server is not ready to accept requests",
      "mutate",
      "transient",
      "E_DGRAPH_CONNECTION",
    ],
    [status.RESOURCE_EXHAUSTED, "Received message larger than max (5 vs. 4)", "read", "poison", "E_DGRAPH_TOO_LARGE"],
    [status.RESOURCE_EXHAUSTED, "quota", "mutate", "throttled", "E_DGRAPH_BUSY"],
    [status.UNKNOWN, "429 Too Many Requests. Please throttle your requests", "mutate", "throttled", "E_DGRAPH_BUSY"],
    [status.UNKNOWN, "No Auth Token found. Token needed for Admin operations.", "alter", "fatal", "E_DGRAPH_FORBIDDEN"],
    [status.UNAUTHENTICATED, "Token is expired", "mutate", "fatal", "E_DGRAPH_AUTH"],
    [status.UNKNOWN, "invalid username or password", "read", "fatal", "E_DGRAPH_AUTH"],
    [status.PERMISSION_DENIED, "unauthorized to mutate", "mutate", "fatal", "E_DGRAPH_FORBIDDEN"],
    [status.UNKNOWN, "Transaction is too old", "read", "conflict", "E_DGRAPH_TOO_OLD"],
    [status.UNIMPLEMENTED, "unknown service", "read", "fatal", "E_DGRAPH_UNSUPPORTED"],
    [status.UNKNOWN, "while lexing x at line 1", "mutate", "poison", "E_DGRAPH_REFUSED"],
    [status.INVALID_ARGUMENT, "no", "mutate", "poison", "E_DGRAPH_REFUSED"],
  ])("code %i, %j at %s is %s", (code, details, phase, errorClass, name) => {
    const { class: found, code: foundName, message, atomic } = classify(grpc(code, details), phase);
    expect([found, foundName]).toEqual([errorClass, name]);
    expect(message).toContain(details);
    // Only what was refused as a whole may be halved.
    expect(atomic).toBe(errorClass === "poison");
  });

  it("takes anything else for a broken way", () => {
    expect(classify(new TypeError("x"), "mutate").class).toBe("transient");
    expect(classify(undefined, "commit").class).toBe("unknown-outcome");
  });
});
