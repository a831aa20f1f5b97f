import { homedir } from "node:os";
import { join } from "node:path";

/** Builds and downloads: outside the clone, kept between runs; a missing one is only slower. */
export const CACHE: string = process.env.TESTBED_CACHE ?? join(homedir(), ".cache", "millrace-testbed");
/** Data, logs and pid files of the running servers. */
export const RUN: string = process.env.TESTBED_RUN ?? join(CACHE, "run");

export function port(variable: string, fallback: number): number {
  const text = process.env[variable];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new Error(`${variable} must be a port number; it is ${JSON.stringify(text)}`);
  return value;
}
