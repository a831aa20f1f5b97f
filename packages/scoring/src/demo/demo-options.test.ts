import { describe, expect, it } from "vitest";
import { parseDemoOptions, UsageError } from "./demo-options.js";

describe("parseDemoOptions", () => {
  it("is live without words, at 500 events a second", () => {
    expect(parseDemoOptions([])).toEqual({
      mode: "live",
      seed: 1,
      events: undefined,
      directory: ".millrace/live",
      rate: 500,
      citizens: 2_000,
      servers: false,
    });
  });

  it.each([
    [["--once"], { mode: "once", events: 200_000, directory: ".millrace/once-200000-seed-1" }],
    [["--events", "5,000"], { mode: "once", events: 5_000 }],
    [
      ["--events", "500", "--once", "--seed", "7"],
      { mode: "once", events: 500, seed: 7, directory: ".millrace/once-500-seed-7" },
    ],
    [["--crash"], { mode: "crash", events: 200_000, directory: ".millrace/crash-200000-seed-1" }],
    [["--crash", "--events", "100", "--data", "here"], { mode: "crash", events: 100, directory: "here" }],
    [["--once", "--data", "here"], { mode: "once", events: undefined, directory: "here" }],
    [["--servers", "--once", "--events", "9"], { servers: true, directory: ".millrace/servers-once-9-seed-1" }],
    [["--rate", "50", "--citizens=20"], { mode: "live", rate: 50, citizens: 20 }],
  ] as const)("understands %j", (args, expected) => {
    expect(parseDemoOptions(args)).toMatchObject(expected);
  });

  it("says undefined for help", () => {
    expect(parseDemoOptions(["--help"])).toBeUndefined();
    expect(parseDemoOptions(["-h", "--once"])).toBeUndefined();
  });

  it.each([
    [["--evnts", "5"]],
    [["live"]],
    [["--events", "many"]],
    [["--events", "0"]],
    [["--seed", "-1"]],
    [["--rate", "1e9"]],
    [["--once", "--rate", "5"]],
    [["--events"]],
  ])("refuses %j in words", (args) => {
    expect(() => parseDemoOptions(args)).toThrow(UsageError);
  });
});
