import type { Logger } from "@millrace/core";
import { expect, it } from "vitest";
import { DriverLog } from "./driver-log.js";

it("tells warnings and errors once a minute, and the rest to those who look for it", () => {
  const lines: string[] = [];
  const note = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
  const logger: Logger = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  let now = 0;
  const log = new DriverLog(logger, () => now);
  log.tell("verbose", "Connection: bytes");
  log.tell("info", "Client: connecting");
  log.tell("warning", "Host 10.0.0.1 down, again in 500ms");
  log.tell("warning", "Host 10.0.0.1 down, again in 501ms");
  log.tell("error", "Pool: broken");
  now = 61_000;
  log.tell("warning", "Host 10.0.0.1 down, again in 502ms");
  expect(lines).toEqual([
    "debug Client: connecting",
    "warn Host 10.0.0.1 down, again in 500ms",
    "debug Host 10.0.0.1 down, again in 501ms",
    "error Pool: broken",
    "warn Host 10.0.0.1 down, again in 502ms",
  ]);
});
